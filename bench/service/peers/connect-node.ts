import * as http from 'node:http';
import * as http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { EvaluationService } from '../../../gen/vexil/v1/evaluation_pb.ts';
import { answering } from './answering.ts';
import { snapshotIn } from './snapshot-in.ts';

// Vexil's service as connect-node serves it: one port for HTTP/2 and one for HTTP/1.1, and nothing else around it.

const answers = answering(snapshotIn(process.argv[2] ?? ''));
const handler = connectNodeAdapter({
  routes: (router) =>
    router.service(EvaluationService, {
      evaluate: (request) => answers.evaluate(request),
      evaluateAll: (request) => answers.evaluateAll(request),
      async *evaluateStream(requests) {
        for await (const request of requests) yield answers.evaluateStream(request);
      },
    }),
});
const server = process.argv[3] === 'http1' ? http.createServer(handler) : http2.createServer(handler);
server.listen({ host: '127.0.0.1', port: 0 }, () => {
  const { port } = server.address() as AddressInfo;
  console.log(JSON.stringify({ msg: 'ready', url: `http://127.0.0.1:${port}` }));
});
