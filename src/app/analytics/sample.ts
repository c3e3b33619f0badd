import { setImmediate as nextTurn } from 'node:timers/promises';
import { attributeReader } from '../../core/attribute.ts';
import { FlagError } from '../../core/errors.ts';
import { Evaluation } from '../../core/evaluation.ts';
import type { Recording } from '../../core/model.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import type { ExposureStore, Period, RecordedContext, RecordedPlace } from '../../ports/exposure-store.ts';
import type { Dependence } from './read-attributes.ts';
import type { Sampled } from './share.ts';

const PER_TURN = 100;

export interface MissingAttribute {
  readonly attribute: string;
  /** Sampled contexts without it. */
  readonly contexts: number;
  /** False: the environment does not keep it, so no context can have it. */
  readonly kept: boolean;
}

/** The contexts that a preview stands on. */
export interface ContextSample extends Sampled {
  readonly period: Period;
  readonly contexts: readonly RecordedContext[];
}

/** Which contexts are taken, and how they are evaluated. */
export interface Sampling {
  readonly period: Period;
  readonly sampleSize: number;
  readonly recording: Recording;
  /** When all is evaluated: epoch milliseconds. */
  readonly nowMs: number;
  /** What decides, of which contexts may know nothing. */
  readonly dependence: Dependence;
}

/** What a preview stood on, and why its numbers may be wrong, in words. */
export interface Replayed {
  readonly sample: ContextSample;
  readonly missing: readonly MissingAttribute[];
  readonly warnings: readonly string[];
}

/**
 * Shows `look` an evaluation of the snapshot for each of some contexts, in turn, and lets the event loop go on meanwhile.
 * Rejects with `cancelled` when `signal` aborts.
 */
export async function replayContexts(
  store: Pick<ExposureStore, 'contexts'>,
  place: RecordedPlace,
  { period, sampleSize, recording, nowMs, dependence }: Sampling,
  snapshot: Snapshot,
  look: (evaluation: Evaluation, seenAt: number) => void,
  signal?: AbortSignal,
): Promise<Replayed> {
  const { total, contexts } = await store.contexts(place, { ...period, limit: sampleSize });
  const lacking = new MissingAttributes(dependence, recording);
  for (const [index, { subject, attributes, seenAt }] of contexts.entries()) {
    const evaluation = Evaluation.ofMany(snapshot, { targetingKey: subject, attributes }, nowMs);
    look(evaluation, seenAt);
    lacking.look(evaluation);
    if (index % PER_TURN !== PER_TURN - 1) continue;
    await nextTurn();
    if (signal?.aborted) throw new FlagError('cancelled', 'nobody waits for the answer');
  }
  const sampled = contexts.length;
  const sample = { period, contexts, sampled, known: Math.max(total, sampled) };
  const missing = lacking.found();
  return { sample, missing, warnings: warningsOn(sample, missing, dependence, recording) };
}

/** Counts contexts that lack what is read to decide. */
class MissingAttributes {
  readonly #counts: Map<string, number>;
  readonly #readers;
  readonly #recording: Recording;

  constructor({ attributes }: Dependence, recording: Recording) {
    this.#counts = new Map(attributes.map((attribute) => [attribute, 0]));
    this.#readers = attributes.map((attribute) => ({ attribute, read: attributeReader(attribute) }));
    this.#recording = recording;
  }

  look(evaluation: Evaluation): void {
    for (const { attribute, read } of this.#readers)
      if (read(evaluation) === undefined) this.#counts.set(attribute, (this.#counts.get(attribute) ?? 0) + 1);
  }

  /** Those that any context lacks, the most lacking first. */
  found(): MissingAttribute[] {
    return [...this.#counts]
      .filter(([, contexts]) => contexts > 0)
      .map(([attribute, contexts]) => ({ attribute, contexts, kept: isKept(attribute, this.#recording) }))
      .sort((a, b) => b.contexts - a.contexts);
  }
}

function warningsOn(
  sample: ContextSample,
  missing: readonly MissingAttribute[],
  { listsKeys }: Dependence,
  recording: Recording,
): string[] {
  const { sampled } = sample;
  return [
    ...(recording.disabled ? ['this environment does not record evaluations at present'] : []),
    ...(sampled === 0 ? [`no contexts were recorded in this period${whyNone(recording)}`] : []),
    ...missing.map(({ attribute, contexts, kept }) => {
      const what = `${contexts} of ${sampled} contexts lack the attribute ${attribute}, which decides here`;
      return kept ? what : `${what}; the environment does not keep it`;
    }),
    ...(recording.hashTargetingKeys
      ? ['targeting keys are stored as hashes: shares hold, but who is in them is not who it would be']
      : []),
    ...(recording.hashTargetingKeys && listsKeys
      ? ['lists of targeting keys decide here, and match nobody, for nobody is known by their key']
      : []),
  ];
}

function whyNone({ keptAttributes }: Recording): string {
  return keptAttributes.length > 0 ? '' : ': the environment keeps no attributes, and so no contexts';
}

/** A kept attribute is kept with all that is inside it. */
function isKept(attribute: string, { keptAttributes }: Recording): boolean {
  return keptAttributes.some((kept) => attribute === kept || attribute.startsWith(`${kept}.`));
}
