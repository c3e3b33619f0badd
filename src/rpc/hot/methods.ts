import type { DescMethod } from '@bufbuild/protobuf';
import { EvaluateResponseSchema, EvaluationService } from '../../../gen/vexil/v1/evaluation_pb.ts';
import { onward } from '../../app/onward.ts';
import type { Principal } from '../../app/principal.ts';
import { evaluateResponse } from '../convert/evaluated.ts';
import type { EvaluationParts } from '../evaluation-parts.ts';
import { type QueryReader, queryReaders } from '../wire/query-reader.ts';
import { writeEvaluated, writeEvaluatedAll, writeMessage, writeShaken } from '../wire/write-answers.ts';
import { type Evaluated, evaluate } from './evaluate.ts';
import { evaluateAll } from './evaluate-all.ts';
import { handshake } from './handshake.ts';
import type { Codec, HotMethod } from './hot-method.ts';

/** The methods that have a path of their own. `maxJsonDepth` is how deep a request in JSON may nest. */
export function hotMethods(parts: EvaluationParts, maxJsonDepth: number): readonly HotMethod[] {
  const { method } = EvaluationService;
  const read = queryReaders({ maxJsonDepth, maxAttributes: parts.contextLimits.attributes });
  return [
    hotMethod(method.evaluate, read.evaluate, (principal, query, codec) =>
      onward(evaluate(parts, principal, query), (evaluated) => answerEvaluate(codec, evaluated)),
    ),
    hotMethod(method.evaluateAll, read.evaluateAll, (principal, query, codec) =>
      onward(evaluateAll(parts, principal, query), (evaluated) => writeEvaluatedAll(codec, evaluated)),
    ),
    hotMethod(method.handshake, read.handshake, (principal, query, codec) =>
      onward(handshake(parts, principal, query), (shaken) => writeShaken(codec, shaken, parts.serverVersion)),
    ),
  ];
}

function hotMethod<Query>(
  method: DescMethod,
  read: QueryReader<Query>,
  answer: (principal: Principal, query: Query, codec: Codec) => Uint8Array | Promise<Uint8Array>,
): HotMethod {
  return {
    method,
    path: `/${method.parent.typeName}/${method.name}`,
    read: (message, codec) => {
      const query = read(message, codec);
      return { answer: (principal) => answer(principal, query, codec) };
    },
  };
}

function answerEvaluate(codec: Codec, evaluated: Evaluated): Uint8Array {
  const { outcome, revision, steps } = evaluated;
  return steps === undefined
    ? writeEvaluated(codec, outcome, revision)
    : writeMessage(codec, EvaluateResponseSchema, evaluateResponse(evaluated));
}
