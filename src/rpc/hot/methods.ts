import { create, type DescMessage, type DescMethodUnary, type MessageShape } from '@bufbuild/protobuf';
import { createContextValues, createHandlerContext, type HandlerContext } from '@connectrpc/connect';
import { createMethodSerializationLookup } from '@connectrpc/connect/protocol';
import { EvaluationService } from '../../../gen/vexil/v1/evaluation_pb.ts';
import { toEnvelope } from '../envelopes.ts';
import { type EvaluationParts, evaluationService } from '../evaluation-service.ts';
import { principalKey } from '../principal-key.ts';
import { checkMessage } from '../request-guard.ts';
import type { HotMethod } from './hot-method.ts';

const LIMITS = { readMaxBytes: 0xffffffff, writeMaxBytes: 0xffffffff, compressMinBytes: 0 };

/** The methods that have a path of their own. `maxJsonDepth` is how deep a request in JSON may nest. */
export function hotMethods(parts: EvaluationParts, maxJsonDepth: number): readonly HotMethod[] {
  const service = evaluationService(parts);
  const { evaluate, evaluateAll, handshake } = EvaluationService.method;
  return [
    generic(evaluate, maxJsonDepth, async (request, context) => service.evaluate(request, context)),
    generic(evaluateAll, maxJsonDepth, async (request, context) => service.evaluateAll(request, context)),
    generic(handshake, maxJsonDepth, async (request, context) => service.handshake(request, context)),
  ];
}

function generic<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  maxJsonDepth: number,
  run: (request: MessageShape<I>, context: HandlerContext) => Promise<object>,
): HotMethod {
  const { getI, getO } = createMethodSerializationLookup(method, undefined, undefined, LIMITS);
  const format = { protocol: 'grpc', enveloped: true, encodingHeader: '', timeoutHeader: '' } as const;
  const limits = { maxMessageBytes: () => 0, maxJsonDepth, receiveTimeoutMs: 0 };
  return {
    method,
    path: `/${method.parent.typeName}/${method.name}`,
    read: (message, codec) => {
      const json = codec === 'json';
      checkMessage({ method, format: { ...format, json }, header: new Headers(), limits }, message);
      const request = getI(!json).parse(message);
      return {
        answer: async (principal) => {
          const contextValues = createContextValues().set(principalKey, principal);
          const context = createHandlerContext({
            ...({ method, service: method.parent, protocolName: 'grpc' } as const),
            requestMethod: 'POST',
            url: '',
            contextValues,
          });
          return toEnvelope(
            getO(!json).serialize(create(method.output, (await run(request, context)) as never)),
          );
        },
      };
    },
  };
}
