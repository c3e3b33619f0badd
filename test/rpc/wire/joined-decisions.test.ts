import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Outcome } from '../../../src/core/outcome.ts';
import { DecisionJoiner, type JoinedDecisions } from '../../../src/rpc/wire/joined-decisions.ts';
import { keptDecisions } from '../../../src/rpc/wire/kept-decisions.ts';
import { outcomes } from './arbitraries.ts';

const TAG = 0x5a;

function written(joined: JoinedDecisions): Buffer {
  const bytes = Buffer.alloc(joined.length + 2, 0xff);
  expect(joined.write(bytes, 1)).toBe(joined.length + 1);
  expect([bytes.at(0), bytes.at(-1)]).toEqual([0xff, 0xff]);
  return bytes.subarray(1, -1);
}

function oneByOne(list: readonly Outcome[]): Buffer {
  const items = list.map((outcome) => Buffer.from(keptDecisions.of(outcome).item));
  for (const item of items) item[0] = TAG;
  return Buffer.concat(items);
}

test('a list is the same one by one and by stretches of an earlier list', () => {
  const whole = fc.constantFrom<object | undefined>(undefined, {}, {});
  const lists = fc.array(fc.tuple(outcomes, outcomes, outcomes), { maxLength: 6 }).chain((flags) =>
    fc
      .array(fc.tuple(whole, fc.array(fc.nat(2), { minLength: flags.length, maxLength: flags.length })), {
        maxLength: 8,
      })
      .map((choices) =>
        choices.map(([whom, choice]) => ({
          whom,
          list: flags.map((flag, index) => flag[choice[index] ?? 0] ?? flag[0]),
        })),
      ),
  );
  fc.assert(
    fc.property(lists, (all) => {
      const joiner = new DecisionJoiner(TAG);
      for (const { whom, list } of all) {
        expect(written(joiner.join(list, whom))).toEqual(oneByOne(list));
        // As when flags were added at the end, or taken away.
        expect(written(joiner.join(list.slice(0, -1), whom))).toEqual(oneByOne(list.slice(0, -1)));
      }
    }),
    { numRuns: 300, seed: 20_260_301 },
  );
});
