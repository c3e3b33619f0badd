import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom, type Random } from '../../attacks/random.ts';
import { makeCertificate } from '../../support/certificate.ts';
import { toolOrSkip } from '../../support/require-tool.ts';
import { CASES, CONTENT_TYPES } from './call-corpus.ts';
import { exchange, type RawCall } from './raw-exchange.ts';
import { openTwoPorts, type Port, type TwoPorts } from './two-ports.ts';
import { type Case, WAYS, type Way } from './unary-case.ts';

// The same calls to two ports, of which one has the fast path: whatever a caller can see, and whatever is noted of the
// call, has to be the same.

/** What the fast path leaves to the library, because it is no ordinary call. */
const LEFT = [
  ...[
    'a GET',
    'a PUT',
    'a DELETE',
    'an OPTIONS',
    'a query',
    'a method that is not there',
    'a path in other letters',
  ],
  ...['deflate, which is not served', 'an unknown compression'],
];

function isLeft({ isGrpc }: Way, name: string): boolean {
  const timeout = /^the timeout "(.*)"$/.exec(name)?.[1];
  const isTimeout = isGrpc ? /^\d{1,8}[HMSmun]?$/ : /^\d{1,10}$/;
  // No browser speaks gRPC.
  const fromPage = isGrpc && name.includes('origin');
  return LEFT.includes(name) || fromPage || (timeout !== undefined && !isTimeout.test(timeout));
}

const openssl = toolOrSkip('openssl', '/usr/bin/openssl') ?? '';
let ports: TwoPorts;

beforeAll(async () => {
  ports = await openTwoPorts();
});

afterAll(async () => {
  await ports[Symbol.asyncDispose]();
});

/** What somebody sees of a call from outside, and what is noted of it inside. */
async function outcome(port: Port, call: RawCall) {
  port.takeNotes();
  const reply = await exchange(port.port, call, port.isSecure);
  // Whoever leaves gets no answer that would say that it was noted.
  if (call.ending === 'reset') await expect.poll(() => port.notes().calls.length).toBeGreaterThan(0);
  const { byLibrary, ...notes } = port.takeNotes();
  return { seen: { reply, notes }, byLibrary };
}

/** Returns whether the fast path took the call. */
async function compare({ slow, fast }: TwoPorts, call: RawCall): Promise<boolean> {
  const [expected, actual] = await Promise.all([outcome(slow, call), outcome(fast, call)]);
  expect(actual.seen).toEqual(expected.seen);
  expect(actual.seen.notes.unforeseen).toEqual([]);
  return actual.byLibrary === 0;
}

describe.each(WAYS)('$name', (way: Way) => {
  it.each(CASES)('answers alike on both paths: $name', async ({ name, call }: Case) => {
    expect(await compare(ports, call(way, ports.keys))).toBe(!isLeft(way, name));
  });

  it('notes alike who leaves in the middle', async () => {
    const { call } = caseNamed('a flag');
    const whole = call(way, ports.keys);
    const [message = new Uint8Array()] = whole.pieces;
    const fields = [...whole.fields, ...(way.http === 1 ? [['content-length', '1000'] as const] : [])];
    for (const piece of [message.subarray(0, 0), message.subarray(0, 3), message]) {
      const isTaken = await compare(ports, { ...whole, fields, pieces: [piece], ending: 'reset' });
      expect(isTaken).toBe(true);
    }
  });
});

it.each(CONTENT_TYPES)('answers alike on both paths: the content type "%s"', async (type) => {
  for (const way of WAYS) {
    const call = caseNamed('a flag').call(way, ports.keys);
    const fields = call.fields.filter(([name]) => name !== 'content-type');
    await compare(ports, { ...call, fields: [['content-type', type], ...fields] });
  }
});

it('tells alike who calls too often', async () => {
  await using few = await openTwoPorts(2);
  for (const way of WAYS.slice(0, 4))
    expect(await compare(few, caseNamed('a flag').call(way, few.keys))).toBe(true);
});

it('notes alike the trace that a refused call belongs to', async () => {
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
  for (const way of WAYS) {
    const call = caseNamed('no key').call(way, ports.keys);
    const fields = [...call.fields, ['traceparent', `00-${trace}-00f067aa0ba902b7-01`] as const];
    const { seen } = await outcome(ports.fast, { ...call, fields });
    expect(seen.notes.refusals).toMatchObject([{ traceId: trace }]);
    await compare(ports, { ...call, fields });
  }
});

it.skipIf(openssl === '')('answers alike on both paths over TLS', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'vexil-differential-'));
  const { certPath, keyPath } = makeCertificate(openssl, directory);
  const material = { cert: await readFile(certPath), key: await readFile(keyPath) };
  await using secure = await openTwoPorts(1_000_000, material);
  for (const way of WAYS)
    for (const name of [
      'a flag',
      'all flags',
      'another type',
      'no key',
      'byte by byte',
      'gzip',
      'two messages',
    ])
      expect(await compare(secure, caseNamed(name).call(way, secure.keys))).toBe(true);
  await rm(directory, { recursive: true });
});

it.each([1, 2, 3, 4])('answers alike on both paths what was damaged at random: seed %i', async (seed) => {
  const random = createRandom(seed);
  const whole = CASES.filter(({ name }) => !LEFT.includes(name) && !/timeout|arrive|gigabytes/.test(name));
  for (let round = 0; round < 100; round++) {
    const call = random.pick(whole).call(random.pick(WAYS), ports.keys);
    await compare(ports, { ...call, pieces: damaged(random, call.pieces) });
  }
});

function damaged(random: Random, pieces: readonly Uint8Array[]): Uint8Array[] {
  const bytes = Buffer.concat(pieces);
  for (let flips = random.whole(3); flips > 0 && bytes.length > 0; flips--)
    bytes[random.whole(Math.min(bytes.length, 200))] = random.whole(256);
  const cut = random.whole(bytes.length + 1);
  const end = random.oneIn(3) ? random.whole(bytes.length + 1) : bytes.length;
  return cut < end && random.oneIn(2)
    ? [bytes.subarray(0, cut), bytes.subarray(cut, end)]
    : [bytes.subarray(0, end)];
}

function caseNamed(wanted: string): Case {
  const found = CASES.find(({ name }) => name === wanted);
  if (found === undefined) throw new Error(`there is no case ${wanted}`);
  return found;
}
