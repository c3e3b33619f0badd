import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createRandom } from '../../attacks/random.ts';
import { createFrameParser } from './nats-frames.ts';
import { type NatsProxyOptions, startNatsProxy } from './nats-proxy.ts';

const INFO = 'INFO {"server_id":"a","max_payload":1048576}\r\n';
const PING = 'PING\r\n';

function message(text: string, subject = 'vexil.changes'): string {
  return `MSG ${subject} 1 ${Buffer.byteLength(text)}\r\n${text}\r\n`;
}

describe('the parser of what a NATS server says', () => {
  it('finds the same frames however the bytes are cut', () => {
    const binary = `a\r\nMSG b 1 3\r\n\u00e9\0`;
    const headers = 'HMSG vexil.x 9 reply.to 12 17\r\nNATS/1.0\r\n\r\nhello\r\n';
    const all = [INFO, message(binary), PING, headers, '+OK\r\n', message('', 'empty')];
    const bytes = Buffer.from(all.join(''));
    const expected = ['-', 'vexil.changes', '-', 'vexil.x', '-', 'empty'];
    const random = createRandom(20_261_121);
    for (let round = 0; round < 200; round++) {
      const parse = createFrameParser();
      const frames = [];
      for (let at = 0; at < bytes.length; ) {
        const size = 1 + random.whole(round === 0 ? 1 : 40);
        frames.push(...parse(bytes.subarray(at, at + size)));
        at += size;
      }
      expect(frames.map(({ subject = '-' }) => subject)).toEqual(expected);
      expect(Buffer.concat(frames.map((frame) => frame.bytes))).toEqual(bytes);
    }
  });

  it('refuses what is not NATS', () => {
    expect(() => createFrameParser()(Buffer.from('MSG a 1 many\r\n'))).toThrow('without a size');
    expect(() => createFrameParser()(Buffer.alloc(2_000_000, 'x'))).toThrow('without an end');
  });
});

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

/** A connection through a proxy to something that only talks, and what arrives. */
async function throughProxy(options: Partial<NatsProxyOptions> = {}) {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const proxy = await startNatsProxy({ target: () => ({ host: '127.0.0.1', port }), seed: 7, ...options });
  const accepted = once(server, 'connection');
  const client = connect(proxy.tcp.port, '127.0.0.1');
  const [theirs]: Socket[] = await accepted;
  if (theirs === undefined) throw new Error('no connection');
  let received = '';
  client.on('data', (bytes) => {
    received += String(bytes);
  });
  client.on('error', () => undefined);
  theirs.on('error', () => undefined);
  open.push({
    async [Symbol.asyncDispose]() {
      client.destroy();
      await proxy[Symbol.asyncDispose]();
      server.close();
    },
  });
  /** The server says all this; what arrives of it, once the last thing has. */
  const tell = async (frames: readonly string[], last = PING): Promise<string[]> => {
    for (const frame of [...frames, last]) theirs.write(frame);
    await expect.poll(() => received.endsWith(last)).toBe(true);
    const numbers = [...received.matchAll(/^(\d+)\r$/gm)].map(([, number = '']) => number);
    received = '';
    return numbers;
  };
  return { proxy, tell };
}

const NUMBERS = Array.from({ length: 1_000 }, (_, number) => String(number));
const MESSAGES = NUMBERS.map((number) => message(number));

describe('a NATS proxy', () => {
  it('passes everything untouched unless told otherwise', async () => {
    const { proxy, tell } = await throughProxy();
    expect(await tell([INFO, ...MESSAGES])).toEqual(NUMBERS);
    expect(proxy.counts).toEqual({ passed: 1_000, dropped: 0, duplicated: 0, reordered: 0 });
  });

  it('drops, doubles and reorders the part of messages that it is told to', async () => {
    const { proxy, tell } = await throughProxy();
    proxy.setMessages({ dropPercent: 30 });
    const kept = await tell(MESSAGES);
    expect(kept.length).toBeGreaterThan(600);
    expect(kept.length).toBeLessThan(800);
    expect(kept).toEqual(NUMBERS.filter((number) => kept.includes(number)));

    proxy.setMessages({ dropPercent: 0, duplicatePercent: 20 });
    const doubled = await tell(MESSAGES);
    expect(doubled.length).toBeGreaterThan(1_100);
    expect([...new Set(doubled)]).toEqual(NUMBERS);

    proxy.setMessages({ duplicatePercent: 0, reorderPercent: 20 });
    const shuffled = await tell([...MESSAGES, ...Array(5).fill(PING)]);
    expect(shuffled).not.toEqual(NUMBERS);
    expect(shuffled.toSorted((a, b) => Number(a) - Number(b))).toEqual(NUMBERS);

    proxy.heal();
    expect(await tell(MESSAGES)).toEqual(NUMBERS);
  });

  it('does the same again for the same seed', async () => {
    const [first, second] = [await throughProxy(), await throughProxy()];
    for (const { proxy } of [first, second]) proxy.setMessages({ dropPercent: 30, reorderPercent: 30 });
    const ends = Array(5).fill(PING);
    expect(await first.tell([...MESSAGES, ...ends])).toEqual(await second.tell([...MESSAGES, ...ends]));
  });

  it('harms only the subjects that it may', async () => {
    const { proxy, tell } = await throughProxy({ harms: (subject) => subject === 'vexil.changes' });
    proxy.setMessages({ dropPercent: 100 });
    expect(await tell([message('1'), message('2', 'other'), message('3')])).toEqual(['2']);
  });
});
