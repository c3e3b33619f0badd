import * as http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask } from '../../bench/load/ask.ts';
import { PATHS } from '../../bench/service/requests.ts';

type Answer = (stream: http2.ServerHttp2Stream, body: Buffer) => void;

/** The benchmark counts calls with an HTTP/2 client of its own, so that client must not take a failure for an answer. */
describe('the client that puts load on servers', () => {
  let server: http2.Http2Server;
  let answer: Answer;
  const seen: http2.IncomingHttpHeaders[] = [];

  beforeEach(async () => {
    seen.length = 0;
    server = http2.createServer();
    server.on('stream', (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
      seen.push(headers);
      const pieces: Buffer[] = [];
      stream.on('data', (piece: Buffer) => pieces.push(piece));
      stream.on('end', () => answer(stream, Buffer.concat(pieces)));
      stream.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  afterEach(async () => {
    await new Promise((resolve) => server.close(resolve));
  });

  const messages = ['AAE=', 'AgM=', 'BAU='];
  const asking = () => {
    const { port } = server.address() as AddressInfo;
    return { port, pid: 0, path: PATHS.evaluate, token: 'vx_server_key', messages, on: 'calls' } as const;
  };

  it('gets the answers in the order of the requests, from a server that compresses its headers', async () => {
    answer = (stream, body) => {
      stream.respond(
        { 'content-type': 'application/grpc', 'x-call': `${seen.length}` },
        { waitForTrailers: true },
      );
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(body);
    };
    expect(await ask(asking())).toEqual(messages);
    expect(seen).toMatchObject(
      messages.map(() => ({
        ':method': 'POST',
        ':path': PATHS.evaluate,
        authorization: 'Bearer vx_server_key',
        'content-type': 'application/grpc',
        te: 'trailers',
      })),
    );
  });

  it('puts a message together that comes in pieces', async () => {
    answer = (stream) => {
      stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      const envelope = Buffer.concat([Buffer.from([0, 0, 1, 0x86, 0xa0]), Buffer.alloc(100_000, 7)]);
      stream.write(envelope.subarray(0, 3));
      stream.end(envelope.subarray(3));
    };
    const [first = '', ...others] = await ask(asking());
    expect(others).toEqual([first, first]);
    expect(Buffer.from(first, 'base64')).toEqual(Buffer.alloc(100_000, 7));
  });

  it.each([
    ['a status that is not OK', { ':status': 200, 'grpc-status': '13' }],
    ['an HTTP status that is not 200', { ':status': 503 }],
    ['no status at all', { ':status': 200 }],
  ])('rejects %s', async (_what, headers) => {
    answer = (stream) => stream.respond(headers, { endStream: true });
    await expect(ask(asking())).rejects.toThrow('refused');
  });

  it('rejects a status that is not OK after a message', async () => {
    answer = (stream, body) => {
      stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '8', 'grpc-message': 'enough' }));
      stream.end(body);
    };
    await expect(ask(asking())).rejects.toThrow('refused');
  });

  it('rejects when a call is reset or the connection is cut', async () => {
    answer = (stream) => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
    await expect(ask(asking())).rejects.toThrow('frame 3');
    answer = (stream) => stream.session?.destroy();
    await expect(ask(asking())).rejects.toThrow(/frame 7|closed the connection/);
  });
});
