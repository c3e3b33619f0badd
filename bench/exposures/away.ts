import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { systemClock } from '../../src/adapters/in-process/system-clock.ts';
import { Recorder } from '../../src/app/exposures/recorder.ts';
import { FlagError } from '../../src/core/errors.ts';
import { Evaluation } from '../../src/core/evaluation.ts';
import { scenarioOf } from '../evaluator/scenario.ts';
import { snapshotOf } from '../evaluator/vexil.ts';
import { answer, ownTask } from '../lib/isolate.ts';

// A process of its own: records evaluations while the queue takes none, and says what that takes.

/** What to do. */
export interface AwayJob {
  readonly evaluations: number;
  readonly bufferBytes: number;
}

/** Memory in MiB when so many were recorded: of the process after a collection, and of what waits. */
export interface AwaySample {
  readonly evaluations: number;
  readonly heap: number;
  readonly buffer: number;
}

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');
const SAMPLES = 12;
const MIB = 2 ** 20;
const BURST = 200;

const { evaluations, bufferBytes } = ownTask<AwayJob>();
const scenario = scenarioOf('attributes 3');
const snapshot = snapshotOf(scenario);
const [flag = ''] = snapshot.flags.keys();
const recorder = new Recorder({
  catalog: { known: () => undefined },
  queue: {
    publish: () => Promise.reject(new FlagError('unavailable', 'it is away')),
    take: () => Promise.resolve([]),
    connected: () => false,
    onConnected: () => ({ [Symbol.dispose]: () => undefined }),
    state: () => Promise.resolve({ waiting: 0, bytes: 0 }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  },
  ...{ clock: systemClock, process: 'bench', pepper: 'pepper', maxBytes: bufferBytes },
  report: () => undefined,
});
const samples: AwaySample[] = [];
for (let done = 0; done < evaluations; ) {
  for (const until = done + evaluations / SAMPLES; done < until; ) {
    for (let call = 0; call < BURST; call++) evaluate(done++);
    await new Promise((resolve) => setImmediate(resolve));
  }
  samples.push(sample(done));
}
answer({ samples, accepted: recorder.accepted, lost: recorder.lost });
process.exit(0);

function evaluate(number: number): void {
  const context = { targetingKey: `somebody-${number % 500_000}`, attributes: {} };
  const now = Date.now();
  recorder.one('call', snapshot, new Evaluation(snapshot, context, now).flag(flag), context, now);
}

function sample(done: number): AwaySample {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return { evaluations: done, heap: (heapUsed + external) / MIB, buffer: recorder.bytes / MIB };
}
