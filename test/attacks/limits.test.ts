import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GrpcCaller, grpcCaller } from '../support/grpc-caller.ts';
import { codeOf, openTarget, PRODUCTION, type Target } from './target.ts';

const EVALUATE = 'EvaluationService/Evaluate';
const CHECKOUT = { flagKey: 'checkout' };
const CALLS = 30;
const STREAMS = 3;

let target: Target;
let grpc: GrpcCaller;

beforeAll(async () => {
  target = await openTarget({
    VEXIL_MAX_CALLS_PER_KEY_PER_SECOND: String(CALLS),
    VEXIL_MAX_STREAMS_PER_KEY: String(STREAMS),
    VEXIL_MAX_REFUSED_KEYS_PER_ADDRESS_PER_SECOND: '10',
  });
  grpc = grpcCaller(target.server.address);
});

afterAll(async () => {
  grpc[Symbol.dispose]();
  await target.close();
});

/** The codes of that many calls at once. */
async function codesOf(count: number, token: string): Promise<Set<string>> {
  const calls = Array.from({ length: count }, () => target.call(EVALUATE, CHECKOUT, { token }));
  return new Set((await Promise.all(calls)).map(codeOf));
}

const makeKey = async () =>
  (await target.makeKey({ kind: 'KEY_KIND_SERVER', environment: PRODUCTION })).secret;

describe('whoever tries one key after the other', () => {
  it('is told to wait, and holds up nobody else at the same address', async () => {
    expect(await codesOf(100, 'vx_server_nope')).toEqual(new Set(['UNAUTHENTICATED', 'RESOURCE_EXHAUSTED']));
    expect(await target.code(EVALUATE, CHECKOUT, { token: target.keys.server })).toBe('OK');
  });

  it('is counted every time, and written down a few times', async () => {
    const { server } = target;
    const counted = async () => {
      const page = await (await fetch(`${server.managementUrl}/metrics`)).text();
      const counts = [
        ...page.matchAll(/^vexil_refusals_total\{.*reason="(?:KEY_INVALID|REFUSED_KEYS)".*\} (\d+)/gm),
      ];
      return counts.reduce((sum, [, count]) => sum + Number(count), 0);
    };
    const before = await counted();
    expect(await codesOf(500, 'vx_server_nope')).toContain('UNAUTHENTICATED');
    expect(await counted()).toBe(before + 500);
    const written = () => server.output().match(/"msg":"refused"/g)?.length;
    await expect.poll(() => server.output()).toMatch(/"suppressed":\d+,"msg":"refused more often/);
    expect(written()).toBeLessThan(200);
    expect(server.output()).toMatch(/"reason":"KEY_INVALID",.*"address":"127.0.0.1","msg":"refused"/);
  });
});

describe('a key that is used too often', () => {
  it('is told to wait and how long, and the others are not', async () => {
    const [busy, quiet] = [await makeKey(), await makeKey()];
    const calls = Array.from({ length: CALLS * 4 }, () => target.call(EVALUATE, CHECKOUT, { token: busy }));
    const answers = await Promise.all(calls);
    expect(new Set(answers.map(codeOf))).toEqual(new Set(['OK', 'RESOURCE_EXHAUSTED']));
    const refusal = answers.find((answer) => codeOf(answer) === 'RESOURCE_EXHAUSTED');
    expect(refusal?.body.toString()).toContain('google.rpc.RetryInfo');
    expect(await target.code(EVALUATE, CHECKOUT, { token: quiet })).toBe('OK');
  });
});

describe('a stream of too many messages', () => {
  it('ends where the key has to wait, with answers to all that came before', async () => {
    const token = await makeKey();
    const stream = grpc.duplex('EvaluationService/EvaluateStream', { token });
    for (let id = 1; id <= CALLS * 4; id++) stream.write({ id: String(id), ...CHECKOUT });
    const ids: unknown[] = [];
    for (let answer = await stream.next(); answer; answer = await stream.next()) ids.push(answer.id);
    expect(ids.length).toBeGreaterThanOrEqual(CALLS - 1);
    expect(ids).toEqual(ids.map((_, index) => String(index + 1)));
    const refusal = await stream.ended;
    expect(refusal).toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    expect([...(refusal?.details.keys() ?? [])]).toContain('RetryInfo');
  });
});

describe('a key with too many streams', () => {
  it('gets no more until one of them ends', async () => {
    const token = await makeKey();
    const open = () => grpc.stream('EvaluationService/WatchFlags', { decisions: {} }, { token });
    const streams = Array.from({ length: STREAMS }, open);
    for (const stream of streams) expect(await stream.next()).toHaveProperty('hello');
    expect(await open().ended).toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    streams[0]?.cancel();
    await streams[0]?.ended;
    let admitted = open();
    while ((await admitted.next()) === undefined) admitted = open();
    for (const stream of [...streams, admitted]) stream.cancel();
  });
});
