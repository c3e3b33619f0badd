import { isolate } from '../lib/isolate.ts';
import type { Timing } from '../lib/measure.ts';
import type { CoreJob } from './core-worker.ts';
import type { Sizing } from './sizing.ts';

const WORKER = new URL('core-worker.ts', import.meta.url);
const FULL: Timing = { warmUpMs: 600, batches: 3, batchMs: 250 };
const QUICK: Timing = { warmUpMs: 200, batches: 1, batchMs: 150 };
const FLAGS = [10, 100, 1_000, 10_000, 100_000];

/** In one process, without network; processor time of the thread that evaluates. */
export const CORE: readonly Sizing[] = [
  sizing('one of so many flags', 'ns', FLAGS, 'one of flags', 'all-flags', [
    'a flag is found in a map, however many there are; but each is made of closures and sets of its own, and',
    'once these do not fit into the caches of the processor any more, an evaluation waits for memory',
  ]),
  sizing('all flags for one user', 'µs', FLAGS, 'scenario', 'all-flags', [
    'in proportion, until the flags do not fit into the caches of the processor any more',
  ]),
  sizing('compiling so many flags', 'µs', FLAGS, 'snapshot', 'all-flags', [
    'in proportion: each flag is compiled by itself; a change later on compiles what it touches',
  ]),
  sizing('rules, the last matches', 'ns', [1, 2, 5, 10, 20], 'scenario', 'rules', [
    'in proportion: each rule that is tried adds one attribute and one look-up in a set',
  ]),
  sizing(
    'members of a segment',
    'ns',
    [10, 100, 1_000, 10_000, 100_000, 1_000_000],
    'scenario',
    'segment-members',
    ['flat but for the caches of the processor: members are a set'],
  ),
  sizing('attributes of a user', 'ns', [1, 10, 100], 'scenario', 'attributes', [
    'flat: an attribute is looked up by its name, and the context is never copied',
  ]),
  sizing('characters of the targeting key', 'ns', [11, 36, 100], 'scenario', 'key-length', [
    'less than in proportion: every character goes through the hash of the rollout, which is not all there is',
  ]),
];

function sizing(
  title: string,
  unit: 'ns' | 'µs',
  sizes: readonly number[],
  kind: CoreJob['kind'],
  scenario: string,
  meaning: readonly string[],
): Sizing {
  const perUnit = unit === 'ns' ? 1 : 1000;
  return {
    ...{ title, unit, sizes, meaning: meaning.join('\n  '), rounds: 3 },
    measure: async (size, { quick }) => {
      const timing = quick ? QUICK : FULL;
      const job: CoreJob = { kind, scenario: `${scenario} ${size}`, timing };
      return (await isolate<number>(WORKER, job)) / perUnit;
    },
  };
}
