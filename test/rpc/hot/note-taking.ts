import { decodeBatch } from '../../../src/app/exposures/batch-text.ts';
import { Recorder } from '../../../src/app/exposures/recorder.ts';
import type { RecordedContext, RecordedEvaluation } from '../../../src/ports/exposure-store.ts';
import type { EvaluationParts } from '../../../src/rpc/evaluation-parts.ts';
import { ScriptedQueue } from '../../app/exposures/scripted-queue.ts';

/** The same parts, with a recorder of their own. */
export interface NoteTaking extends AsyncDisposable {
  readonly parts: EvaluationParts;
  /** Everything that was recorded, in order. Nothing more is, then. */
  notes(): Promise<{
    readonly evaluations: readonly (RecordedEvaluation & { readonly environment: string })[];
    readonly contexts: readonly RecordedContext[];
  }>;
}

export function takingNotes(parts: EvaluationParts): NoteTaking {
  const queue = new ScriptedQueue();
  const { catalog, clock } = parts;
  const recorder = new Recorder({
    ...{ catalog, queue, clock, process: 'run', pepper: 'pepper', maxBytes: 64 * 2 ** 20 },
    report: () => undefined,
  });
  return {
    parts: { ...parts, recorder },
    async notes() {
      await recorder.stop(1);
      await new Promise((resolve) => setImmediate(resolve));
      const batches = [...queue.kept]
        .map(([id, bytes]) => decodeBatch(bytes, id))
        .sort((a, b) => a.sequence - b.sequence);
      return {
        evaluations: batches.flatMap(({ place: { environment }, evaluations }) =>
          evaluations.map((evaluation) => ({ ...evaluation, environment })),
        ),
        contexts: batches.flatMap(({ contexts }) => contexts),
      };
    },
    [Symbol.asyncDispose]: () => recorder[Symbol.asyncDispose](),
  };
}
