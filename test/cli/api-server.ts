import { once } from 'node:events';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { ConnectRouter } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { ProjectService } from '../../gen/vexil/v1/project_service_pb.ts';

export interface RecordedCall {
  readonly method: string;
  readonly message: unknown;
  readonly authorization: string | null;
}

export interface ApiServer extends AsyncDisposable {
  readonly url: string;
  /** Every call that arrived, in order. */
  readonly calls: readonly RecordedCall[];
}

/**
 * A server on a free port that answers as the routes say. It has one project, `shop`, with the environments
 * `production` and `staging`.
 */
export async function startApi(routes: (router: ConnectRouter) => void = () => {}): Promise<ApiServer> {
  const calls: RecordedCall[] = [];
  const server = createServer(
    connectNodeAdapter({
      routes: (router) => {
        router.rpc(ProjectService.method.listProjects, () => ({
          projects: [{ name: 'projects/shop', key: 'shop' }],
        }));
        router.rpc(ProjectService.method.listEnvironments, ({ parent }) => ({
          environments: ['production', 'staging'].map((key) => ({
            key,
            name: `${parent}/environments/${key}`,
          })),
        }));
        routes(router);
      },
      interceptors: [
        (next) => (request) => {
          const message = request.stream ? undefined : request.message;
          const authorization = request.header.get('authorization');
          calls.push({ method: request.method.name, message, authorization });
          return next(request);
        },
      ],
    }),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, 'close');
    },
  };
}
