import type { DescService } from '@bufbuild/protobuf';
import { type ConnectRouter, createConnectRouter, type Interceptor } from '@connectrpc/connect';
import { deadlineInterceptor } from '../rpc/call-timeout.ts';
import { COMPRESSIONS } from '../rpc/compression.ts';
import type { CorsPolicy } from '../rpc/cors.ts';
import { errorInterceptor } from '../rpc/errors.ts';
import type { HttpHandler } from '../rpc/http-exchange.ts';
import { createHttpHandler, type HttpHandlerOptions } from '../rpc/http-handler.ts';
import type { MessageLimits } from '../rpc/request-guard.ts';
import { type RecordCall, refusedCallRecord, telemetryInterceptor } from '../rpc/telemetry-interceptor.ts';
import type { MessageSettings } from './config.ts';
import type { Logger } from './logger.ts';
import { logsUnexpected } from './unexpected.ts';

export interface RpcHandlerOptions {
  readonly routes: (router: ConnectRouter) => void;
  readonly messages: MessageSettings;
  /** Whose messages may be as large as definitions are. */
  readonly isManagement: (service: DescService) => boolean;
  /** Inside those for telemetry, deadlines and errors, outermost first. */
  readonly interceptors: readonly Interceptor[];
  readonly cors: CorsPolicy;
  readonly recordCall: RecordCall;
  readonly log: Pick<Logger, 'error'>;
  readonly contextValues?: HttpHandlerOptions['contextValues'];
  readonly enter?: HttpHandlerOptions['enter'];
  readonly checks?: MessageLimits['checks'];
  readonly fallback?: HttpHandlerOptions['fallback'];
}

/** Everything between a socket and the services, for one port. */
export function createRpcHandler(options: RpcHandlerOptions): HttpHandler {
  const { messages, log, recordCall } = options;
  const router = createConnectRouter({
    acceptCompression: [...COMPRESSIONS],
    readMaxBytes: Math.max(messages.maxEvaluateBytes, messages.maxManagementBytes),
    interceptors: [
      telemetryInterceptor(recordCall),
      deadlineInterceptor(),
      errorInterceptor(logsUnexpected(log)),
      ...options.interceptors,
    ],
  });
  options.routes(router);
  return createHttpHandler(router.handlers, {
    cors: options.cors,
    limits: {
      maxMessageBytes: ({ parent }) =>
        options.isManagement(parent) ? messages.maxManagementBytes : messages.maxEvaluateBytes,
      maxJsonDepth: messages.maxJsonDepth,
      ...(options.checks && { checks: options.checks }),
      receiveTimeoutMs: messages.receiveTimeoutMs,
    },
    unaryTimeoutMs: messages.unaryTimeoutMs,
    onRefused: (call) => recordCall(refusedCallRecord(call)),
    onError: (error, { name }, traceId) =>
      log.error({ err: error, method: name, trace_id: traceId }, 'an answer could not be made'),
    ...(options.enter && { enter: options.enter }),
    ...(options.fallback && { fallback: options.fallback }),
    ...(options.contextValues && { contextValues: options.contextValues }),
  });
}
