import { setImmediate as nextTurn } from 'node:timers/promises';
import { attributeReader } from '../../core/attribute.ts';
import type { Context } from '../../core/context.ts';
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

export async function sampleContexts(
  store: Pick<ExposureStore, 'contexts'>,
  place: RecordedPlace,
  period: Period,
  limit: number,
): Promise<ContextSample> {
  const { total, contexts } = await store.contexts(place, { ...period, limit });
  return { period, contexts, sampled: contexts.length, known: Math.max(total, contexts.length) };
}

/** Looks at each context in turn, and lets the event loop go on meanwhile. Rejects with `cancelled` when `signal` aborts. */
export async function lookAtEach(
  contexts: readonly RecordedContext[],
  look: (context: Context, index: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  for (const [index, { subject, attributes }] of contexts.entries()) {
    look({ targetingKey: subject, attributes }, index);
    if (index % PER_TURN !== PER_TURN - 1) continue;
    await nextTurn();
    if (signal?.aborted) throw new FlagError('cancelled', 'nobody waits for the answer');
  }
}

/** Counts contexts that lack what is read to decide. */
export class MissingAttributes {
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

/** For attributes of one context: nothing else of an evaluation is used. */
export function evaluationOf(snapshot: Snapshot, context: Context, nowMs: number): Evaluation {
  return Evaluation.ofMany(snapshot, context, nowMs);
}

/** Why the numbers of a preview may be wrong, in words. */
export function warningsOn(
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
