import { once } from 'node:events';
import * as http2 from 'node:http2';
import * as net from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { headerBlock, trailerBlock } from '../../src/http2/header-block.ts';
import { serveSocket } from '../../src/http2/serve-socket.ts';
import type { Stream } from '../../src/http2/stream.ts';
import { createRandom, type Random } from '../attacks/random.ts';

// Node's own client has another implementation of everything: what it says is understood, and what it is told.

let server: net.Server;
let session: http2.ClientHttp2Session;
const errors: string[] = [];
let answerWith: (stream: Stream, body: Buffer) => void = (stream) =>
  stream.respond(headerBlock(200, []), true);

beforeAll(async () => {
  server = net.createServer((socket) => {
    serveSocket(socket, Buffer.alloc(0), {
      ...{ maxStreams: 100, maxHeaderBytes: 65_536, maxHeaderFields: 1_000 },
      ...{ patienceMs: 10_000, idleMs: 60_000 },
      now: () => performance.now(),
      onStream: collect,
      onError: (error) => errors.push(error.message),
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  session = http2.connect(`http://127.0.0.1:${port}`, { maxSessionMemory: 100 });
  await once(session, 'remoteSettings');
});

afterAll(() => {
  session.destroy();
  server.close();
  expect(errors).toEqual([]);
});

/** Answers once all of the body is there. */
function collect(stream: Stream): void {
  const pieces: Uint8Array[] = [];
  stream.own({
    data: (bytes) => void pieces.push(bytes),
    end: () => answerWith(stream, Buffer.concat(pieces)),
    drained: () => undefined,
    reset: () => undefined,
  });
}

const CHARACTERS = Array.from({ length: 0x7f - 0x20 }, (_, index) => String.fromCharCode(0x20 + index));

function randomHeaders(random: Random): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let count = random.whole(20); count > 0; count--) {
    const name = random.oneIn(3)
      ? random.pick(['accept', 'cache-control', 'user-agent', 'authorization', 'grpc-timeout'])
      : `x-${random.whole(40)}`;
    const length = random.oneIn(20) ? random.whole(3_000) : random.whole(40);
    headers[name] = Array.from({ length }, () => random.pick(CHARACTERS))
      .join('')
      .trim();
  }
  return headers;
}

describe("a client of Node's", () => {
  it.each([1, 2, 3])('is understood, whatever its headers are: seed %i', async (seed) => {
    const random = createRandom(seed);
    for (let calls = 0; calls < 200; calls++) {
      const sent = randomHeaders(random);
      const heard = new Promise<[string, string][]>((resolve) => {
        answerWith = (stream) => {
          stream.respond(headerBlock(200, []), true);
          resolve(stream.head.fields.map(({ name, value }) => [name, value]));
        };
      });
      const stream = session.request({ ':path': '/', ...sent }, { endStream: true });
      stream.resume();
      expect(Object.fromEntries(await heard)).toEqual(sent);
      await once(stream, 'close');
    }
  });

  it.each([4, 5])('understands whatever it is answered: seed %i', async (seed) => {
    const random = createRandom(seed);
    for (let calls = 0; calls < 200; calls++) {
      const [headers, trailers] = [randomHeaders(random), randomHeaders(random)];
      const body = random.bytes(random.whole(200));
      answerWith = (stream) => {
        stream.respond(headerBlock(200, Object.entries(headers)));
        stream.end(body, trailerBlock(Object.entries({ 'x-last': '1', ...trailers })));
      };
      const stream = session.request({ ':path': '/' }, { endStream: true });
      const response = once(stream, 'response');
      const ending = once(stream, 'trailers');
      const received = Buffer.concat(await stream.toArray());
      expect((await response)[0]).toMatchObject({ ':status': 200, ...headers });
      expect((await ending)[0]).toMatchObject({ 'x-last': '1', ...trailers });
      expect(received).toEqual(body);
    }
  });

  it('gets back what it sends, however large', async () => {
    answerWith = (stream, body) => {
      stream.respond(headerBlock(200, []));
      stream.end(body);
    };
    const calls = Array.from({ length: 20 }, async (_, index) => {
      const body = Buffer.alloc(100_000 * (index + 1), index);
      const stream = session.request({ ':method': 'POST', ':path': '/' });
      stream.end(body);
      expect(Buffer.concat(await stream.toArray()).equals(body)).toBe(true);
    });
    await Promise.all(calls);
  });
});
