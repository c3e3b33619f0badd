import * as net from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { envelope } from '../rpc/raw-call.ts';
import { flood } from './flood.ts';
import {
  DATA,
  END_HEADERS,
  END_STREAM,
  frame,
  grpcFields,
  HEADERS,
  headerBlock,
  type RawPeer,
  RST_STREAM,
  rawPeer,
  uint32,
} from './raw-http2.ts';
import { openTarget, type Target } from './target.ts';

/** What strangers and broken clients do to the calls that have a path of their own. */

const METHODS = ['Evaluate', 'EvaluateAll', 'Handshake'].map((name) => `/vexil.v1.EvaluationService/${name}`);
const [EVALUATE = ''] = METHODS;
const MAX_BYTES = 65_536;
const CANCEL = uint32(8);
const CHECKOUT = Buffer.from('\n\u0008checkout');

let target: Target;

beforeAll(async () => {
  target = await openTarget({
    VEXIL_MAX_EVALUATE_BYTES: String(MAX_BYTES),
    VEXIL_RECEIVE_TIMEOUT_MS: '1000',
  });
});

afterAll(() => target.close());

/** Attacks, and demands meanwhile and afterwards that others are served, in memory that has not grown much. */
async function under(attack: (peer: RawPeer) => Promise<void>): Promise<void> {
  const before = target.memoryMib();
  using peer = await rawPeer(target.server.port);
  const attacked = attack(peer);
  await target.checkHealthy();
  await attacked;
  await target.checkHealthy();
  expect(target.memoryMib() - before).toBeLessThan(64);
}

const streamOf = (index: number) => index * 2 + 1;

function head(
  stream: number,
  path = EVALUATE,
  token = target.keys.server,
  more: [string, string][] = [],
): Buffer {
  return frame(HEADERS, END_HEADERS, stream, headerBlock([...grpcFields(path, token), ...more]));
}

/** Resolves when a call was answered with headers alone, as refusals of gRPC are. */
const isRefused = (stream: number, peer: RawPeer) =>
  peer.received(
    ({ type, flags, stream: of }) => type === HEADERS && of === stream && (flags & END_STREAM) !== 0,
  );

describe('calls that are given up', () => {
  const message = envelope(CHECKOUT);
  const moments: [string, (stream: number) => Buffer[]][] = [
    ['before their message', () => []],
    ['in the middle of the envelope', (stream) => [frame(DATA, 0, stream, message.subarray(0, 3))]],
    ['in the middle of the message', (stream) => [frame(DATA, 0, stream, message.subarray(0, 9))]],
    ['behind their message', (stream) => [frame(DATA, 0, stream, message)]],
  ];

  it.each(moments)('%s are too many after a while', async (_, until) => {
    await under(async (peer) => {
      await flood(peer, 20_000, (index) => {
        const stream = streamOf(index);
        return [head(stream), ...until(stream), frame(RST_STREAM, 0, stream, CANCEL)];
      });
      expect(await peer.ended).toMatch(/ENHANCE_YOUR_CALM|INTERNAL_ERROR|closed/);
    });
  });

  it('when they are complete cost what complete calls cost', async () => {
    await under(async (peer) => {
      await flood(peer, 5_000, (index) => {
        const stream = streamOf(index);
        return [head(stream), frame(DATA, END_STREAM, stream, message), frame(RST_STREAM, 0, stream, CANCEL)];
      });
    });
  });

  it.each(moments)('%s with their connection leave nothing behind', async (_, until) => {
    const before = target.memoryMib();
    for (let round = 0; round < 50; round++) {
      using peer = await rawPeer(target.server.port);
      for (let index = 0; index < 50; index++) peer.write(head(streamOf(index)), ...until(streamOf(index)));
    }
    await target.checkHealthy();
    expect(target.memoryMib() - before).toBeLessThan(64);
  });
});

describe('answers that nobody reads', () => {
  it.each(METHODS)('hold up nobody else: %s', async (path) => {
    await under(async (peer) => {
      peer.stopReading();
      await flood(peer, 20_000, (index) => [
        head(streamOf(index), path),
        frame(DATA, END_STREAM, streamOf(index), envelope(Buffer.alloc(0))),
      ]);
    });
  });

  it('hold up nobody else over HTTP/1.1', async () => {
    const before = target.memoryMib();
    const socket = net.connect(target.server.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.pause();
    const call =
      `POST ${EVALUATE} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n` +
      `authorization: Bearer ${target.keys.server}\r\ncontent-length: 2\r\n\r\n{}`;
    for (let round = 0; round < 200; round++) {
      socket.write(call.repeat(100));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await target.checkHealthy();
    expect(target.memoryMib() - before).toBeLessThan(64);
    socket.destroy();
  });
});

describe('requests that are too large', () => {
  it.each(METHODS)('are refused as soon as they say so: %s', async (path) => {
    await under(async (peer) => {
      peer.write(head(1, path), frame(DATA, 0, 1, Buffer.from([0, 0, 1, 0, 1])));
      await isRefused(1, peer);
    });
  });

  it('take no more memory than they may, on every stream that there can be', async () => {
    await under(async (peer) => {
      const announced = envelope(Buffer.alloc(16_000), { length: MAX_BYTES });
      for (let index = 0; index < 100; index++)
        peer.write(head(streamOf(index)), frame(DATA, 0, streamOf(index), announced.subarray(0, 500)));
      await isRefused(streamOf(99), peer);
    });
  });

  it('are refused when they only unpack to that, many at a time', async () => {
    const bomb = envelope(gzipSync(Buffer.alloc(20_000_000)), { flags: 1 });
    await under(async (peer) => {
      for (let index = 0; index < 10; index++) {
        const stream = streamOf(index);
        peer.write(head(stream, EVALUATE, target.keys.server, [['grpc-encoding', 'gzip']]));
        for (let at = 0; at < bomb.length; at += 16_000)
          peer.write(
            frame(DATA, at + 16_000 < bomb.length ? 0 : END_STREAM, stream, bomb.subarray(at, at + 16_000)),
          );
        await isRefused(stream, peer);
      }
    });
  });
});

it('calls without a good key are refused one by one, as many as may come at a time', async () => {
  await under(async (peer) => {
    for (let index = 0; index < 100; index++) {
      const stream = streamOf(index);
      peer.write(head(stream, EVALUATE, 'vx_server_nope'));
      peer.write(frame(DATA, END_STREAM, stream, envelope(CHECKOUT)));
    }
    for (let index = 0; index < 100; index++) await isRefused(streamOf(index), peer);
  });
});
