import { create, type DescMessage, type MessageShape, toBinary, toJsonString } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  EvaluateAllResponseSchema,
  EvaluateResponseSchema,
  EvaluateStreamResponseSchema,
  HandshakeResponseSchema,
} from '../../../gen/vexil/v1/evaluation_pb.ts';
import { buildSnapshot } from '../../../src/core/snapshot.ts';
import { decisionOf } from '../../../src/rpc/convert/decision.ts';
import {
  evaluateAllResponse,
  evaluateResponse,
  handshakeResponse,
} from '../../../src/rpc/convert/evaluated.ts';
import type { Codec } from '../../../src/rpc/hot/hot-method.ts';
import { StreamAnswers } from '../../../src/rpc/wire/stream-answers.ts';
import {
  writeEvaluated,
  writeEvaluatedAll,
  writeMessage,
  writeShaken,
} from '../../../src/rpc/wire/write-answers.ts';
import { outcomes, revisions } from './arbitraries.ts';

const RUNS = { numRuns: 500, seed: 20_260_301 };
const NOTHING = {
  project: 'shop',
  environment: 'production',
  revision: 1,
  flags: [],
  segments: [],
  releases: [],
};
const CODECS: readonly Codec[] = ['proto', 'json'];

/** A message in its envelope, as the generic serializer and nothing else makes it. */
function generic<Desc extends DescMessage>(codec: Codec, schema: Desc, message: MessageShape<Desc>): Buffer {
  const body =
    codec === 'json' ? Buffer.from(toJsonString(schema, message)) : Buffer.from(toBinary(schema, message));
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}

describe('an answer is what the generic serializer makes of its message', () => {
  it('to Evaluate, the first time and every other', () => {
    fc.assert(
      fc.property(outcomes, revisions, revisions, (outcome, revision, later) => {
        for (const at of [revision, revision, later, revision])
          for (const codec of CODECS) {
            const message = evaluateResponse({ outcome, revision: at, steps: undefined });
            expect(writeEvaluated(codec, outcome, at)).toEqual(
              generic(codec, EvaluateResponseSchema, message),
            );
          }
      }),
      RUNS,
    );
  });

  it('to EvaluateAll', () => {
    fc.assert(
      fc.property(fc.array(outcomes, { maxLength: 5 }), revisions, (all, revision) => {
        for (const whole of [undefined, buildSnapshot(NOTHING)])
          for (const codec of CODECS) {
            const evaluated = { outcomes: all, revision, whole };
            expect(writeEvaluatedAll(codec, evaluated)).toEqual(
              generic(codec, EvaluateAllResponseSchema, evaluateAllResponse(evaluated)),
            );
          }
      }),
      RUNS,
    );
  });

  it('to Handshake', () => {
    const shaken = fc.record({
      outcomes: fc.array(outcomes, { maxLength: 5 }),
      revision: revisions,
      place: fc.constant({ project: 'shop', environment: 'production' }),
      snapshot: fc.constant(buildSnapshot(NOTHING)),
      whole: fc.constantFrom(undefined, buildSnapshot(NOTHING)),
      etag: fc.constantFrom('', '"abc"'),
      notModified: fc.boolean(),
      stalenessMs: fc.constantFrom(0, 2_000),
      resumeToken: fc.constantFrom('AQ', 'a'.repeat(130)),
      exposuresLost: fc.constantFrom(0, 1, 2 ** 40),
    });
    fc.assert(
      fc.property(shaken, (one) => {
        for (const codec of CODECS)
          expect(writeShaken(codec, one, '1.2.3')).toEqual(
            generic(codec, HandshakeResponseSchema, handshakeResponse(one, '1.2.3')),
          );
      }),
      RUNS,
    );
  });

  it('to each message of EvaluateStream, however many are taken at once', () => {
    const id = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    const answers = fc.array(fc.tuple(fc.oneof(fc.constantFrom(0n, 1n), id), outcomes, revisions));
    fc.assert(
      fc.property(answers, fc.constantFrom(...CODECS), (all, codec) => {
        const collected = new StreamAnswers(codec);
        for (let round = 0; round < 2; round++) {
          const expected = all.map(([id, outcome, revision]) => {
            const [idLow, idHigh] = [Number(BigInt.asIntN(32, id)), Number(BigInt.asIntN(32, id >> 32n))];
            collected.add({ idLow, idHigh }, outcome, revision);
            const answer = { id, decision: decisionOf(outcome), revision: BigInt(revision) };
            const message = create(EvaluateStreamResponseSchema, answer);
            return generic(codec, EvaluateStreamResponseSchema, message);
          });
          expect(collected.length).toBe(Buffer.concat(expected).length);
          expect(collected.take()).toEqual(Buffer.concat(expected));
          expect(collected.length).toBe(0);
        }
      }),
      RUNS,
    );
  });

  it('of any other kind', () => {
    const message = create(EvaluateResponseSchema, {
      flagKey: 'checkout',
      trace: { steps: [{ kind: 'é' }] },
    });
    for (const codec of CODECS)
      expect(writeMessage(codec, EvaluateResponseSchema, message)).toEqual(
        generic(codec, EvaluateResponseSchema, message),
      );
  });
});
