import { snapshotOf } from '../../../src/app/environment-snapshot.ts';
import { decodeBatch } from '../../../src/app/exposures/batch-text.ts';
import { Recorder } from '../../../src/app/exposures/recorder.ts';
import type { ProjectState } from '../../../src/app/project-state.ts';
import type { Context } from '../../../src/core/context.ts';
import { Evaluation } from '../../../src/core/evaluation.ts';
import {
  DEFAULT_RECORDING,
  type Flag,
  type FlagSettings,
  initialSettings,
  type JsonObject,
  type Recording,
} from '../../../src/core/model.ts';
import type { LossReason } from '../../../src/ports/exposure-store.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { checkout, NOW, shop } from '../manage/shop.ts';
import { ScriptedQueue } from './scripted-queue.ts';

export const START = Date.parse('2030-01-01T12:00:00.000Z');

export interface RecordingOptions {
  readonly flags?: readonly (Partial<Flag> & { readonly settings?: Partial<FlagSettings> })[];
  readonly recording?: Partial<Recording>;
  readonly maxBytes?: number;
  readonly startMs?: number;
}

/** A recorder with a clock, a queue, and as much event loop as the test says. */
export function openRecording(options: RecordingOptions = {}) {
  const clock = createFakeClock(options.startMs ?? START);
  const queue = new ScriptedQueue();
  const reports: string[] = [];
  let noted: (accepted: number) => void = () => undefined;
  let state = stateOf(options);
  let snapshot = snapshotOf(state, 'production');
  const recorder = new Recorder({
    ...{ catalog: { known: () => state }, queue, clock, pepper: 'pepper', process: 'run' },
    maxBytes: options.maxBytes ?? 32 * 2 ** 20,
    report: (problem) => void reports.push(problem),
    random: () => 0.5,
    note: { note: (accepted) => noted(accepted) },
  });
  const settle = async () => {
    await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    ...{ clock, queue, reports, recorder, settle },
    snapshot: () => snapshot,
    onNote: (listener: (accepted: number) => void) => {
      noted = listener;
    },
    /** What the flag is worth, as the evaluator says it. */
    outcome: (flag: string, context: Context) => new Evaluation(snapshot, context, clock.now()).flag(flag),
    change: (next: RecordingOptions) => {
      state = stateOf(next);
      snapshot = snapshotOf(state, 'production');
    },
    /** So much time passes, and everything that is due is done. */
    pass: async (ms = 200) => {
      for (let left = ms; left > 0; left -= 100) {
        clock.advance(Math.min(100, left));
        await settle();
      }
    },
    /** What the queue has, in order. */
    batches: () =>
      [...queue.kept].map(([id, bytes]) => decodeBatch(bytes, id)).sort((a, b) => a.sequence - b.sequence),
  };
}

export type Recorded = ReturnType<typeof openRecording>;

/** What was accepted, stored and declared lost, as whoever reads the batches adds it up. */
export function ledgerOf({ recorder, batches }: Recorded) {
  const all = batches();
  const lost: Partial<Record<LossReason, number>> = {};
  for (const { reason, units } of all.flatMap(({ losses }) => losses))
    lost[reason] = (lost[reason] ?? 0) + units;
  const stored = all.reduce((sum, { units }) => sum + units, 0);
  return {
    accepted: recorder.accepted,
    balance: stored + Object.values(lost).reduce((sum, units) => sum + units, 0),
    stored,
    lost,
    sequences: all.map(({ sequence }) => sequence),
  };
}

export function someone(targetingKey: string, attributes: JsonObject = {}): Context {
  return { targetingKey, attributes };
}

function stateOf({ flags = [{}], recording }: RecordingOptions): ProjectState {
  const environment = {
    ...{ key: 'production', name: '', description: '', archived: false, createdAt: NOW, updatedAt: NOW },
    ...(recording !== undefined && { recording: { ...DEFAULT_RECORDING, ...recording } }),
  };
  return shop(
    { kind: 'environment', state: environment },
    ...flags.flatMap(({ settings, ...flag }) => {
      const whole = { ...checkout, ...flag };
      return [
        { kind: 'flag' as const, state: whole },
        {
          kind: 'settings' as const,
          environment: 'production',
          state: { ...initialSettings(whole.key), enabled: true, ...settings },
        },
      ];
    }),
  );
}
