import { Evaluation } from '../../src/core/evaluation.ts';
import type { Contender } from '../evaluator/contender.ts';
import { type Scenario, scenarioOf } from '../evaluator/scenario.ts';
import { setUp, snapshotOf } from '../evaluator/vexil.ts';
import { answer, ownTask } from '../lib/isolate.ts';
import { measure, type Timing, type Work } from '../lib/measure.ts';

// A process of its own: measures the evaluator alone with something of one size.

/** What is measured: all or one of so many flags, making the snapshot, or a scenario of the evaluator's comparison. */
export interface CoreJob {
  readonly kind: 'one of flags' | 'snapshot' | 'scenario';
  /** `rules 20`. */
  readonly scenario: string;
  readonly timing: Timing;
}

const { kind, scenario: name, timing } = ownTask<CoreJob>();
const scenario = scenarioOf(name);
const work = await workOf(scenario);
answer(await measure(work, scenario.users.length, timing));

async function workOf(asked: Scenario): Promise<Work> {
  switch (kind) {
    case 'one of flags':
      return { kind: 'sync', run: oneOfFlags(asked) };
    case 'snapshot':
      return { kind: 'sync', run: () => snapshotOf(asked).flags.size };
    case 'scenario': {
      const contender: Contender = await setUp(asked);
      return contender.work;
    }
  }
}

/** Another flag each time, from all over the snapshot, so that not always the same memory is read. */
function oneOfFlags({ flags, users }: Scenario): (index: number) => number {
  const snapshot = snapshotOf({ ...scenario, flags });
  const contexts = users.map(({ id, attributes }) => ({ targetingKey: id, attributes }));
  const nowMs = Date.now();
  let at = 0;
  return (index) => {
    at = (at + 7919) % flags.length;
    const context = contexts[index];
    const flag = flags[at];
    if (context === undefined || flag === undefined) throw new Error('there is nothing to evaluate');
    return new Evaluation(snapshot, context, nowMs).flag(flag.key).flagVersion;
  };
}
