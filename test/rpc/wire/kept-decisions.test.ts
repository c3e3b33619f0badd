import { toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { DecisionSchema } from '../../../gen/vexil/v1/evaluation_pb.ts';
import { valueless } from '../../../src/core/outcomes.ts';
import { decisionMessage } from '../../../src/rpc/convert/decision.ts';
import { KeptDecisions } from '../../../src/rpc/wire/kept-decisions.ts';
import { writeEvaluated } from '../../../src/rpc/wire/write-answers.ts';

const outcome = () => ({
  ...valueless('checkout', 'GENERAL', 'x'.repeat(100), 7),
  ...{ type: 'string' as const, value: 'blue', variation: 'on', errorCode: undefined },
});

describe('an outcome', () => {
  it('is encoded once', () => {
    const kept = new KeptDecisions(10_000);
    const one = outcome();
    expect(kept.of(one)).toBe(kept.of(one));
    expect(kept.of(one)).not.toBe(kept.of(outcome()));
    expect(kept.of(one).item.subarray(kept.of(one).fieldsAt)).toEqual(
      Buffer.from(toBinary(DecisionSchema, decisionMessage(one))),
    );
  });

  it('gives the same bytes to everybody until there is another revision', () => {
    const one = outcome();
    const first = writeEvaluated('proto', one, 7);
    expect(writeEvaluated('proto', one, 7)).toBe(first);
    const copy = Buffer.from(first);
    expect(writeEvaluated('proto', one, 8)).not.toBe(first);
    expect(first).toEqual(copy);
  });

  it('of a flag that does not exist is not kept', () => {
    const kept = new KeptDecisions(10_000);
    const unknown = valueless('no-such-flag', 'FLAG_NOT_FOUND', '', 0);
    expect(kept.of(unknown)).not.toBe(kept.of(unknown));
    expect(kept.of(unknown)).toEqual(kept.of(unknown));
  });
});

describe('memory', () => {
  it('is bounded: everything is forgotten when there is no room for one more', () => {
    const kept = new KeptDecisions(3_000);
    const [first, second, third, fourth] = [outcome(), outcome(), outcome(), outcome()];
    const encoded = kept.of(first);
    kept.of(second);
    kept.of(third);
    expect(kept.of(first)).toBe(encoded);
    kept.of(fourth);
    expect(kept.of(first)).not.toBe(encoded);
  });

  it('is not given to what is larger than all of it, which is encoded nevertheless', () => {
    const kept = new KeptDecisions(3_000);
    const large = { ...outcome(), detail: 'x'.repeat(5_000) };
    expect(kept.of(large)).not.toBe(kept.of(large));
    expect(kept.of(large).item.length).toBeGreaterThan(5_000);
  });
});
