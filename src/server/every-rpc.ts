import { createContextValues } from '@connectrpc/connect';
import { authInterceptor, streamInterceptor } from '../rpc/auth.ts';
import { terminateKey } from '../rpc/evaluation-service.ts';
import { addressKey } from '../rpc/principal-key.ts';
import type { Exposure } from './config.ts';
import type { HttpHandler } from './listen.ts';
import { isManagement, routesOf } from './routes.ts';
import { createRpcHandler } from './rpc-handler.ts';
import type { ServiceProcess } from './service-process.ts';

/** Every RPC of one port, in every protocol. */
export function everyRpc(service: ServiceProcess, port: Exclude<Exposure, 'off'>): HttpHandler {
  const { config, app, readiness, metrics, logger, lifecycle, refused } = service;
  return createRpcHandler({
    routes: routesOf(app, config, port, readiness, lifecycle.stopping),
    messages: config.messages,
    isManagement,
    interceptors: [
      authInterceptor(app.access, app.admission, refused),
      streamInterceptor(app.admission, refused),
    ],
    cors: { allows: (origin) => app.access.allowsOrigin(origin) },
    recordCall: metrics.recordCall,
    log: logger,
    contextValues: (request, response) =>
      createContextValues()
        .set(addressKey, request.socket?.remoteAddress ?? '')
        .set(terminateKey, () => ('stream' in response ? response.stream.close() : response.destroy())),
  });
}
