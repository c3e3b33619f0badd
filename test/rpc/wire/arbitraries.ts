import fc from 'fast-check';
import type { FlagType, Json } from '../../../src/core/model.ts';
import type { Outcome } from '../../../src/core/outcome.ts';
import { json } from '../convert/arbitraries.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 12 });
const number = fc.double({ noNaN: true, noDefaultInfinity: true });
const object = fc.dictionary(text, json, { maxKeys: 4, noNullPrototype: true });

/** The type of a flag with a value of it, with none, or with one that is not of it. */
const worth: fc.Arbitrary<Pick<Outcome, 'type' | 'value'>> = fc.oneof(
  typed('boolean', fc.boolean()),
  typed('string', fc.oneof(text, fc.constantFrom('', 'x'.repeat(300), '\ud800'))),
  typed('number', fc.oneof(number, fc.constantFrom(0, -0))),
  typed('json', object),
  typed('json', fc.array(json, { maxLength: 3 })),
  fc.constantFrom<Pick<Outcome, 'type' | 'value'>>(
    { type: undefined, value: undefined },
    { type: 'string', value: undefined },
    { type: 'string', value: 7 },
  ),
);

function typed(type: FlagType, values: fc.Arbitrary<Json>): fc.Arbitrary<Pick<Outcome, 'type' | 'value'>> {
  return values.map((value) => ({ type, value }));
}

/** Outcomes of every shape. */
export const outcomes: fc.Arbitrary<Outcome> = fc
  .tuple(
    worth,
    fc.record(
      {
        flag: fc.oneof(fc.constantFrom('', 'checkout', 'f'.repeat(63)), text),
        variation: text,
        reason: fc.constantFrom('DEFAULT', 'HALTED', 'TARGETING_MATCH', 'SPLIT', 'ERROR'),
        errorCode: fc.constantFrom('FLAG_NOT_FOUND', 'TYPE_MISMATCH', 'GENERAL', undefined, undefined),
        detail: fc.oneof(fc.constant(''), text),
        ruleId: fc.oneof(fc.constant(''), text),
        flagVersion: fc.constantFrom(0, 1, 127, 128, 2 ** 32, 2 ** 53 - 1),
        isStatic: fc.boolean(),
        clientVisible: fc.boolean(),
        recordExposures: fc.boolean(),
      },
      { noNullPrototype: true },
    ),
  )
  .map(([kind, rest]) => ({ ...rest, ...kind }) as Outcome);

export const revisions = fc.constantFrom(0, 1, 127, 128, 16_384, 2 ** 31, 2 ** 32, 2 ** 53 - 1);
