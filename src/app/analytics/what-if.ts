import type { CompiledFlag } from '../../core/compile-flag.ts';
import { Evaluation } from '../../core/evaluation.ts';
import { affectedFlags, type Snapshot } from '../../core/snapshot.ts';
import type { ExposureStore, RecordedPlace } from '../../ports/exposure-store.ts';
import { type ChangeCell, ChangeMatrix } from './change-matrix.ts';
import { type Breakdown, type ContextGroup, ContextGroups, type GroupTally } from './context-groups.ts';
import { type Reach, reachOf } from './reach.ts';
import { type ContextSample, type Replayed, replayContexts, type Sampling } from './sample.ts';
import type { Sampled } from './share.ts';

const COMPARED_AT_ONCE = 500;
const MAX_DEPENDENTS = 20;
const AGREEING_ENOUGH = 0.95;

export interface GroupChange {
  readonly group: ContextGroup;
  /** Of the group. */
  readonly moved: Reach;
  readonly cells: readonly ChangeCell[];
}

export interface ChangePreview extends Replayed {
  readonly moved: Reach;
  /** The most frequent first; together they are the sample. */
  readonly cells: readonly ChangeCell[];
  readonly segments: readonly GroupChange[];
  readonly attributes: readonly GroupChange[];
  /** Flags with this one as a prerequisite that would answer differently. */
  readonly dependents: readonly { readonly flag: string; readonly moved: Reach }[];
  /** Contexts whose last variation is known, and how many of these would get the same today. */
  readonly compared: number;
  readonly agreeing: number;
}

export interface ChangeQuery extends Sampling, Breakdown {
  readonly flag: string;
  readonly today: Snapshot;
  readonly candidate: Snapshot;
  /** For each cell. */
  readonly examples: number;
}

/** Evaluates recorded contexts as things are and as they would be, both at one moment. */
export async function previewChange(
  store: Pick<ExposureStore, 'contexts' | 'lastVariations'>,
  place: RecordedPlace,
  query: ChangeQuery,
  signal?: AbortSignal,
): Promise<ChangePreview> {
  const { flag, today, candidate, recording } = query;
  const groups = new ContextGroups(today, query);
  const cells = new ChangeMatrix(query.examples);
  const dependents = new Dependents(query);
  const answers: string[] = [];
  const replayed = await replayContexts(
    store,
    place,
    query,
    today,
    (now) => {
      const later = Evaluation.ofMany(candidate, now.context, now.nowMs);
      const from = now.flag(flag);
      answers.push(from.variation);
      groups.add(now, cells.add(from, later.flag(flag), now.context));
      dependents.look(now, later);
    },
    signal,
  );
  const { sample } = replayed;
  // Buckets of hashes are not those that anybody is in.
  const agreement = recording.hashTargetingKeys
    ? { compared: 0, agreeing: 0 }
    : await agreementOf(store, place, flag, sample, answers);
  return {
    ...{ ...replayed, ...agreement },
    moved: cells.moved(sample.sampled, cells.tally(), sample),
    cells: cells.list(cells.tally(), sample.sampled, sample, true),
    segments: groups.segments().map((tally) => groupChange(tally, cells, sample)),
    attributes: groups.attributes().map((tally) => groupChange(tally, cells, sample)),
    dependents: dependents.found(sample),
    warnings: [
      ...replayed.warnings,
      ...warningsOnState(query),
      ...dependents.warnings(),
      ...warningsOnAgreement(agreement),
    ],
  };
}

/** Flags that ask for this one, as it is or as it would be. */
class Dependents {
  readonly #moved: Map<string, number>;
  readonly #all: number;

  constructor({ today, candidate, flag }: ChangeQuery) {
    const keys = new Set([...affectedFlags(today, [flag]), ...affectedFlags(candidate, [flag])]);
    keys.delete(flag);
    this.#all = keys.size;
    this.#moved = new Map(
      [...keys]
        .sort()
        .slice(0, MAX_DEPENDENTS)
        .map((key) => [key, 0]),
    );
  }

  look(now: Evaluation, later: Evaluation): void {
    for (const [key, moved] of this.#moved)
      if (now.flag(key).variation !== later.flag(key).variation) this.#moved.set(key, moved + 1);
  }

  warnings(): string[] {
    const looked = this.#moved.size;
    if (looked === this.#all) return [];
    return [`${this.#all} flags depend on this one, of which only the first ${looked} were looked at`];
  }

  found(sample: ContextSample) {
    return [...this.#moved].flatMap(([flag, moved]) =>
      moved === 0 ? [] : [{ flag, moved: reachOf(moved, sample.sampled, sample) }],
    );
  }
}

function groupChange(
  { group, sampled, outcomes }: GroupTally,
  cells: ChangeMatrix,
  sample: Sampled,
): GroupChange {
  const moved = cells.moved(sampled, outcomes, sample);
  return { group, moved, cells: cells.list(outcomes, sampled, sample, false) };
}

interface Agreement {
  readonly compared: number;
  readonly agreeing: number;
}

async function agreementOf(
  store: Pick<ExposureStore, 'lastVariations'>,
  place: RecordedPlace,
  flag: string,
  { contexts }: ContextSample,
  answers: readonly string[],
): Promise<Agreement> {
  let [compared, agreeing] = [0, 0];
  for (let start = 0; start < contexts.length; start += COMPARED_AT_ONCE) {
    const subjects = contexts.slice(start, start + COMPARED_AT_ONCE).map(({ subject }) => subject);
    const last = await store.lastVariations(place, flag, subjects);
    for (const [index, subject] of subjects.entries()) {
      const variation = last.get(subject);
      if (variation === undefined) continue;
      compared++;
      if (variation === answers[start + index]) agreeing++;
    }
  }
  return { compared, agreeing };
}

function warningsOnAgreement({ compared, agreeing }: Agreement): string[] {
  if (compared === 0 || agreeing / compared >= AGREEING_ENOUGH) return [];
  return [
    `only ${agreeing} of ${compared} contexts would get today what they are recorded to have got last: ` +
      'the flag was changed since, or something that decides is not recorded',
  ];
}

/** A flag that does not look at its rules moves nobody, whatever they say. */
function warningsOnState({ flag, candidate, nowMs }: ChangeQuery): string[] {
  const compiled = candidate.flags.get(flag);
  if (compiled === undefined) return ['then there is no such flag: everybody gets the default of their code'];
  const due = compiled.settings.scheduledChanges.filter(({ at }) => Date.parse(at) <= nowMs);
  return [
    ...stillnessOf(compiled),
    ...due.map(({ id, at }) => `the scheduled change ${id} is due at ${at}, and is not counted in`),
  ];
}

function stillnessOf({ flag, settings, problem }: CompiledFlag): string[] {
  if (flag.status === 'draft') return ['the flag is a draft, which answers its default variation'];
  if (settings.halt !== undefined) return ['the flag is halted, and answers its default variation'];
  if (!settings.enabled) return ['the flag is not enabled, and answers its default variation'];
  return problem === undefined ? [] : [`then it cannot be evaluated: ${problem}`];
}
