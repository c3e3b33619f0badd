import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callH1, type RawAnswer } from '../rpc/raw-call.ts';
import { grpcCaller } from '../support/grpc-caller.ts';
import type { Message } from '../support/stock-protos.ts';
import { codeOf, jsonOf, openTarget, PRODUCTION, SHOP_ORIGIN, type Target, WIRES } from './target.ts';

const EVALUATE = 'EvaluationService/Evaluate';
const CHECKOUT = { flagKey: 'checkout', context: { targetingKey: 'user-1' } };
const STRANGERS = [
  'https://evil.example',
  'null',
  'http://shop.example',
  'https://shop.example:8443',
  'https://shop.example:443',
  'https://shop.example.evil.example',
  'https://evilshop.example',
  'https://www.shop.example',
  'HTTPS://SHOP.EXAMPLE',
  'https://shop.example/',
  'https://shop.example, https://evil.example',
  'file://',
  '*',
  '',
];

let target: Target;
let anywhere: string;

beforeAll(async () => {
  target = await openTarget();
});

afterAll(() => target.close());

const evaluateFrom = (origin: string, token: string) =>
  target.call(EVALUATE, CHECKOUT, { token, headers: { origin } });

const allowedOrigin = ({ headers }: RawAnswer) => headers['access-control-allow-origin'];

const preflight = (origin: string, path = `/vexil.v1.${EVALUATE}`) =>
  callH1(target.server.url, {
    method: 'OPTIONS',
    path,
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization',
    },
  });

describe('a page from an origin on the list of a web key', () => {
  it('may ask, and read the answer', async () => {
    const asked = await preflight(SHOP_ORIGIN);
    expect([asked.status, allowedOrigin(asked)]).toEqual([204, SHOP_ORIGIN]);
    expect(asked.headers['access-control-allow-credentials']).toBeUndefined();
    const answer = await evaluateFrom(SHOP_ORIGIN, target.keys.web);
    expect([codeOf(answer), allowedOrigin(answer)]).toEqual(['OK', SHOP_ORIGIN]);
    expect(String(answer.headers.vary)).toMatch(/origin/i);
  });

  it('may not use a secret key, which must not be there', async () => {
    for (const token of [target.keys.server, target.keys.admin]) {
      const answer = await evaluateFrom(SHOP_ORIGIN, token);
      expect(codeOf(answer)).toBe('PERMISSION_DENIED');
      expect(answer.message).toMatch(/must not be used from a browser/);
    }
    expect(target.server.output()).toContain('must not be used from a browser');
  });
});

describe.each(STRANGERS)('a page from %o', (origin) => {
  it('is refused, whatever it presents, and cannot read why', async () => {
    for (const token of [target.keys.web, target.keys.server, target.keys.admin]) {
      const answer = await evaluateFrom(origin, token);
      expect(codeOf(answer)).toBe('PERMISSION_DENIED');
      expect(allowedOrigin(answer)).toBeUndefined();
    }
  });

  it('is not let in when it asks first', async () => {
    for (const path of [undefined, '/vexil.v1.FlagService/HaltFlag', '/none']) {
      const asked = await preflight(origin, path);
      expect([asked.status, allowedOrigin(asked)]).toEqual([403, undefined]);
    }
  });
});

it.each(WIRES)('another origin is refused over $name', async ({ send, contentType }) => {
  const message = Buffer.from(
    contentType === 'application/json' ? '{"flagKey":"checkout"}' : '\n\u0008checkout',
  );
  const from = async (origin: string) =>
    codeOf(await send(target.server.url, EVALUATE, message, { token: target.keys.web, headers: { origin } }));
  expect(await from('https://evil.example')).toBe('PERMISSION_DENIED');
  expect(await from(SHOP_ORIGIN)).toBe('OK');
});

describe('a key for any origin', () => {
  beforeAll(async () => {
    const key = { kind: 'KEY_KIND_WEB', environment: PRODUCTION, allowedOrigins: ['*'] };
    const made = await target.makeKey(key);
    anywhere = made.secret;
    return async () => void (await target.ok('KeyService/RevokeKey', { name: made.name }));
  });

  it('is for any origin but null', async () => {
    expect(codeOf(await evaluateFrom('https://evil.example', anywhere))).toBe('OK');
    expect(codeOf(await evaluateFrom('null', anywhere))).toBe('PERMISSION_DENIED');
  });

  it('opens no other key to them', async () => {
    for (const token of [target.keys.web, target.keys.server])
      expect(codeOf(await evaluateFrom('https://evil.example', token))).toBe('PERMISSION_DENIED');
  });

  it('lets nobody in any more once it is revoked', async () => {
    const made = await target.makeKey({
      kind: 'KEY_KIND_WEB',
      environment: PRODUCTION,
      allowedOrigins: ['https://late.example'],
    });
    expect((await preflight('https://late.example')).status).toBe(204);
    await target.ok('KeyService/RevokeKey', { name: made.name });
    expect(codeOf(await evaluateFrom('https://late.example', made.secret))).toBe('UNAUTHENTICATED');
  });
});

describe('a list of origins', () => {
  it.each([
    'shop.example',
    'https://shop.example/',
    'https://*.example',
    'null',
    '',
    'https://a b',
    'javascript:alert(1)',
  ])('cannot hold %o', async (origin) => {
    const key = { kind: 'KEY_KIND_WEB', environment: PRODUCTION, allowedOrigins: [origin] };
    expect(await target.code('KeyService/CreateKey', { parent: 'projects/default', key })).toBe(
      'INVALID_ARGUMENT',
    );
  });
});

describe('to a web key, a flag that clients must not see', () => {
  const asWeb = { headers: { origin: SHOP_ORIGIN } };
  const web = () => ({ ...asWeb, token: target.keys.web });

  it('answers exactly what a flag does that is not there', async () => {
    const about = async (flagKey: string) => {
      const answer = await target.call(EVALUATE, { flagKey, context: { targetingKey: 'user-1' } }, web());
      return { ...jsonOf(answer), flagKey: '' };
    };
    const hidden = await about('pricing');
    expect(hidden).toMatchObject({ errorCode: 'ERROR_CODE_FLAG_NOT_FOUND' });
    expect(hidden).toEqual(await about('missing'));
    const expecting = (flagKey: string) =>
      target.code(EVALUATE, { flagKey, expectedType: 'FLAG_TYPE_STRING' }, web());
    expect(await expecting('pricing')).toBe(await expecting('missing'));
  });

  it('is in no set of decisions, also when it is asked for by name', async () => {
    for (const flagKeys of [[], ['pricing', 'checkout']])
      for (const [method, more] of [
        ['EvaluateAll', {}],
        ['Handshake', { protocolVersion: 1 }],
      ] as const) {
        const answer = await target.call(`EvaluationService/${method}`, { flagKeys, ...more }, web());
        expect(codeOf(answer)).toBe('OK');
        expect(answer.body.toString()).toContain('checkout');
        expect(answer.body.toString()).not.toContain('pricing');
      }
  });

  it('is in no stream, not even when it changes, and changes no etag', async () => {
    using grpc = grpcCaller(target.server.address);
    using watch = grpc.stream('EvaluationService/WatchFlags', { decisions: {} }, { token: target.keys.web });
    using stream = grpc.duplex('EvaluationService/EvaluateStream', { token: target.keys.web });
    const etag = async () =>
      jsonOf(await target.call('EvaluationService/Handshake', { protocolVersion: 1 }, web())).etag;
    const before = await etag();
    const name = `${PRODUCTION}/flags`;
    await target.ok('FlagService/HaltFlag', { name: `${name}/pricing` });
    expect(await etag()).toBe(before);
    await target.ok('FlagService/HaltFlag', { name: `${name}/checkout` });
    expect(await etag()).not.toBe(before);
    const seen: Message[] = [];
    while (!JSON.stringify(seen).includes('REASON_HALTED')) {
      const message = await watch.next();
      if (message === undefined) throw new Error('the watch ended');
      seen.push(message);
    }
    expect(JSON.stringify(seen)).not.toContain('pricing');
    stream.write({ id: '1', flagKey: 'pricing' });
    stream.write({ id: '2', flagKey: 'missing' });
    const [hidden, missing] = [await stream.next(), await stream.next()];
    expect(JSON.stringify(hidden).replace('pricing', 'missing').replace('"1"', '"2"')).toBe(
      JSON.stringify(missing),
    );
    for (const flag of ['pricing', 'checkout'])
      await target.ok('FlagService/ResumeFlag', { name: `${name}/${flag}` });
  });

  it('has no definition and no trace', async () => {
    using grpc = grpcCaller(target.server.address);
    using watch = grpc.stream(
      'EvaluationService/WatchFlags',
      { definitions: {} },
      { token: target.keys.web },
    );
    expect(await watch.next()).toBeUndefined();
    expect(await watch.ended).toMatchObject({ code: 'PERMISSION_DENIED' });
    for (const flagKey of ['checkout', 'pricing', 'missing'])
      expect(await target.code(EVALUATE, { flagKey, explain: true }, web())).toBe('PERMISSION_DENIED');
  });

  it('does not show through the details of a visible one, nor does why that was halted', async () => {
    const name = `${PRODUCTION}/flags/checkout`;
    const prerequisite = { flag: 'pricing', variations: ['on'] };
    using grpc = grpcCaller(target.server.address);
    using watch = grpc.stream('EvaluationService/WatchFlags', { decisions: {} }, { token: target.keys.web });
    const seen: Message[] = [];
    const seenUntil = async (reason: string) => {
      while (!JSON.stringify(seen).includes(reason)) seen.push((await watch.next()) ?? {});
    };
    const answers = async () => [
      (await target.call(EVALUATE, CHECKOUT, web())).body.toString(),
      (await target.call('EvaluationService/EvaluateAll', {}, web())).body.toString(),
    ];
    await target.ok('FlagService/SetPrerequisite', { name, prerequisite });
    for (const answer of await answers()) expect(answer).toMatch(/^(?!.*pricing).*REASON_DEPENDENCY_UNMET/);
    await seenUntil('REASON_DEPENDENCY_UNMET');
    await target.ok('FlagService/HaltFlag', { name, reason: 'customer 4711 complains' });
    for (const answer of await answers()) expect(answer).toMatch(/^(?!.*4711).*REASON_HALTED/);
    await seenUntil('REASON_HALTED');
    expect(JSON.stringify(seen)).not.toMatch(/pricing|4711/);
    await target.ok('FlagService/RemovePrerequisite', { name, flag: 'pricing' });
    await target.ok('FlagService/ResumeFlag', { name });
  });
});
