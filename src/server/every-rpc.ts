import { createContextValues } from '@connectrpc/connect';
import { authInterceptor, doorkeeper, streamInterceptor } from '../rpc/auth.ts';
import { terminateKey } from '../rpc/evaluation-service.ts';
import type { HttpHandler } from '../rpc/http-exchange.ts';
import { addressKey } from '../rpc/principal-key.ts';
import { requestChecks } from '../rpc/wire/query-reader.ts';
import type { Exposure } from './config.ts';
import { isManagement, routesOf } from './routes.ts';
import { createRpcHandler } from './rpc-handler.ts';
import type { ServiceProcess } from './service-process.ts';

/** Every RPC of one port, in every protocol. */
export function everyRpc(service: ServiceProcess, port: Exclude<Exposure, 'off'>): HttpHandler {
  const { config, app, readiness, metrics, logger, lifecycle, refused } = service;
  const ask = doorkeeper(app.access, app.admission, refused);
  return createRpcHandler({
    routes: routesOf(app, config, port, readiness, lifecycle.stopping),
    messages: config.messages,
    isManagement,
    enter: ask,
    checks: requestChecks({
      maxJsonDepth: config.messages.maxJsonDepth,
      maxAttributes: app.evaluation.contextLimits.attributes,
    }),
    interceptors: [authInterceptor(ask, refused), streamInterceptor(app.admission, refused)],
    cors: { allows: (origin) => app.access.allowsOrigin(origin) },
    recordCall: metrics.recordCall,
    log: logger,
    contextValues: ({ address, terminate }) =>
      createContextValues().set(addressKey, address).set(terminateKey, terminate),
  });
}
