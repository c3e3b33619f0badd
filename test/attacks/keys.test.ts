import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mintToken } from '../../src/app/key-token.ts';
import { envelope } from '../rpc/raw-call.ts';
import { grpcCaller } from '../support/grpc-caller.ts';
import { methods } from '../support/stock-protos.ts';
import { rawHttp1 } from './raw-http1.ts';
import {
  DATA,
  END_HEADERS,
  END_STREAM,
  frame,
  grpcFields,
  HEADERS,
  headerBlock,
  rawPeer,
} from './raw-http2.ts';
import {
  bearer,
  codeOf,
  GRPC,
  jsonOf,
  openTarget,
  PRODUCTION,
  PROJECT,
  STAGING,
  type Target,
  WIRES,
} from './target.ts';

const EVALUATE = 'EvaluationService/Evaluate';
const CHECKOUT = { flagKey: 'checkout' };

let target: Target;

beforeAll(async () => {
  target = await openTarget({ VEXIL_MAX_REFUSED_KEYS_PER_ADDRESS_PER_SECOND: '0' });
});

afterAll(() => target.close());

describe('a call without a good key', () => {
  const unknown = mintToken('server', randomBytes).token;
  const good = () => target.keys.server;
  const swapped = (token: string, at: number) =>
    token.slice(0, at) + (token.at(at) === 'x' ? 'y' : 'x') + token.slice(at + 1);
  const headers: [string, () => Record<string, string>][] = [
    ['no key', () => ({})],
    ['an empty header', () => ({ authorization: '' })],
    ['a scheme alone', () => ({ authorization: 'Bearer ' })],
    ['another scheme', () => ({ authorization: `Basic ${good()}` })],
    ['a key without a scheme', () => ({ authorization: good() })],
    ['a key of nobody', () => bearer(unknown)],
    ['a wrong checksum', () => bearer(swapped(good(), good().length - 1))],
    ['a wrong secret', () => bearer(swapped(good(), 40))],
    ['another kind', () => bearer(good().replace('vx_server', 'vx_admin'))],
    ['another kind, sealed', () => bearer(mintToken('admin', randomBytes).token)],
    ['two keys in one header', () => ({ authorization: `Bearer ${good()}, Bearer ${good()}` })],
    ['two keys in two headers', () => ({ ...bearer(good()), 'x-api-key': good() })],
    ['a key with something behind it', () => bearer(`${good()} x`)],
    ['a key of a megabyte', () => bearer('x'.repeat(10_000))],
    ['a key of controls', () => bearer('\u0080\u00ff')],
  ];

  it.each(headers)('is UNAUTHENTICATED in the same words: %s', async (_, headersOf) => {
    const usual = await target.call(EVALUATE, CHECKOUT, { token: '' });
    const answer = await target.call(EVALUATE, CHECKOUT, { token: '', headers: headersOf() });
    expect(codeOf(answer)).toBe('UNAUTHENTICATED');
    expect(answer.body.toString()).toBe(usual.body.toString());
  });

  it.each(WIRES)('is UNAUTHENTICATED over $name', async ({ send, contentType }) => {
    const message = Buffer.from(contentType === 'application/json' ? '{}' : '');
    expect(codeOf(await send(target.server.url, EVALUATE, message, { token: unknown }))).toBe(
      'UNAUTHENTICATED',
    );
    expect(codeOf(await send(target.server.url, EVALUATE, message))).toBe('UNAUTHENTICATED');
  });

  it('is UNAUTHENTICATED with the same header twice, over HTTP/1.1 and HTTP/2', async () => {
    const { server, keys } = target;
    const body = JSON.stringify(CHECKOUT);
    const lines = [
      'POST /vexil.v1.EvaluationService/Evaluate HTTP/1.1',
      'Host: localhost',
      'Content-Type: application/json',
      `Authorization: Bearer ${keys.server}`,
      `Authorization: Bearer ${unknown}`,
      `Content-Length: ${body.length}`,
      'Connection: close',
    ];
    expect(await rawHttp1(server.port, `${lines.join('\r\n')}\r\n\r\n${body}`)).toMatch(/^HTTP\/1.1 401 /);
    using peer = await rawPeer(server.port);
    const fields = grpcFields('/vexil.v1.EvaluationService/Evaluate', keys.server);
    for (const [stream, block] of [
      [1, fields],
      [3, [...fields, ['authorization', `Bearer ${unknown}`] as const]],
    ] as const) {
      peer.write(frame(HEADERS, END_HEADERS, stream, headerBlock(block)));
      peer.write(frame(DATA, END_STREAM, stream, envelope(Buffer.from('\n\u0008checkout'))));
      await peer.received(({ stream: of, flags }) => of === stream && (flags & END_STREAM) === END_STREAM);
    }
    const answered = peer.frames.filter(({ type, payload }) => type === DATA && payload.length > 0);
    expect(answered.map(({ stream }) => stream)).toEqual([1]);
  });

  it('is UNAUTHENTICATED for every method but health and reflection', async () => {
    for (const path of methods.keys()) {
      if (!path.startsWith('vexil.v1.')) continue;
      const answer = await GRPC.send(target.server.url, `/${path}`, Buffer.alloc(0));
      expect([path, codeOf(answer)]).toEqual([path, 'UNAUTHENTICATED']);
    }
  });
});

/** Sums of its own environment, which a server key may read besides. */
const SUMS = [
  'QueryEvaluations',
  'ListFlagActivity',
  'GetFlagHealth',
  'ListFlagHealth',
  'GetFlagConversions',
];

function mayCall(kind: 'server' | 'web' | 'staging', path: string): boolean {
  const [service, method = ''] = path.replace('vexil.v1.', '').split('/');
  if (service === 'AnalyticsService') return kind !== 'web' && SUMS.includes(method);
  return service === 'EvaluationService' || service === 'TelemetryService';
}

describe('a key', () => {
  it('evaluates in its own environment only', async () => {
    const { keys } = target;
    const elsewhere = [
      STAGING,
      'projects/other/environments/production',
      'projects/default/environments/none',
    ];
    for (const environment of elsewhere)
      for (const method of [EVALUATE, 'EvaluationService/EvaluateAll', 'EvaluationService/Handshake']) {
        const message = { environment, ...(method === EVALUATE && CHECKOUT) };
        expect(await target.code(method, message, { token: keys.server })).toBe('PERMISSION_DENIED');
        expect(await target.code(method, message, { token: keys.web })).toBe('PERMISSION_DENIED');
      }
    using grpc = grpcCaller(target.server.address);
    for (const view of [{ decisions: {} }, { definitions: {} }]) {
      const watch = grpc.stream(
        'EvaluationService/WatchFlags',
        { ...view, environment: STAGING },
        {
          token: keys.server,
        },
      );
      expect(await watch.ended).toMatchObject({ code: 'PERMISSION_DENIED' });
    }
    using stream = grpc.duplex('EvaluationService/EvaluateStream', { token: keys.server });
    stream.write({ ...CHECKOUT, environment: STAGING });
    expect(await stream.ended).toMatchObject({ code: 'PERMISSION_DENIED' });
    const own = { ...CHECKOUT, environment: PRODUCTION };
    expect(await target.code(EVALUATE, own, { token: keys.server })).toBe('OK');
  });

  it.each(['server', 'web', 'staging'] as const)('to evaluate (%s) manages nothing', async (kind) => {
    for (const path of methods.keys()) {
      if (!path.startsWith('vexil.v1.') || mayCall(kind, path)) continue;
      const answer = await GRPC.send(target.server.url, `/${path}`, Buffer.alloc(0), {
        token: target.keys[kind],
      });
      expect([path, codeOf(answer)]).toEqual([path, 'PERMISSION_DENIED']);
    }
    expect(target.server.output()).toMatch(/"method":"vexil\.v1\.\w+Service\/\w+".*"msg":"refused"/);
  });

  it('is worthless from the moment it is revoked, on open streams too', async () => {
    const { secret, name } = await target.makeKey({ kind: 'KEY_KIND_SERVER', environment: PRODUCTION });
    using grpc = grpcCaller(target.server.address);
    using decisions = grpc.stream('EvaluationService/WatchFlags', { decisions: {} }, { token: secret });
    using definitions = grpc.stream('EvaluationService/WatchFlags', { definitions: {} }, { token: secret });
    using evaluations = grpc.duplex('EvaluationService/EvaluateStream', { token: secret });
    evaluations.write({ id: '1', ...CHECKOUT });
    expect(await evaluations.next()).toMatchObject({ id: '1' });
    for (const watch of [decisions, definitions]) expect(await watch.next()).toHaveProperty('hello');

    await target.ok('KeyService/RevokeKey', { name });
    expect(await target.code(EVALUATE, CHECKOUT, { token: secret })).toBe('UNAUTHENTICATED');
    evaluations.write({ id: '2', ...CHECKOUT });
    expect(await evaluations.ended).toMatchObject({ code: 'UNAUTHENTICATED' });
    for (const watch of [decisions, definitions]) {
      let last = await watch.next();
      for (let next = last; next !== undefined; next = await watch.next()) last = next;
      expect(last).toMatchObject({ goodbye: { reason: 'REASON_KEY_REVOKED' } });
      expect(await watch.ended).toMatchObject({ code: 'UNAUTHENTICATED' });
    }
  });

  it('is worthless from the moment it expires, on open streams too', async () => {
    const expireTime = new Date(Date.now() + 1_500).toISOString();
    const { secret } = await target.makeKey({ kind: 'KEY_KIND_SERVER', environment: PRODUCTION, expireTime });
    using grpc = grpcCaller(target.server.address);
    using watch = grpc.stream('EvaluationService/WatchFlags', { decisions: {} }, { token: secret });
    expect(await watch.next()).toHaveProperty('hello');
    expect(await watch.ended).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(await target.code(EVALUATE, CHECKOUT, { token: secret })).toBe('UNAUTHENTICATED');
  });

  it('makes no key that can do more than itself, and touches none', async () => {
    const halter = await target.makeKey({ kind: 'KEY_KIND_ADMIN', scopes: ['SCOPE_READ', 'SCOPE_KEYS'] });
    const { keys } = await target.ok('KeyService/ListKeys', {});
    const [instanceKey] = Array.isArray(keys) ? keys : [];
    const admin = (...scopes: string[]) => ({ kind: 'KEY_KIND_ADMIN', scopes });
    const attempts: [string, object][] = [
      ['CreateKey', { parent: PROJECT, key: admin('SCOPE_WRITE') }],
      ['CreateKey', { parent: PROJECT, key: admin('SCOPE_READ', 'SCOPE_HALT') }],
      ['CreateKey', { parent: '', key: admin('SCOPE_READ') }],
      ['CreateKey', { parent: 'projects/other', key: admin('SCOPE_READ') }],
      ['RevokeKey', { name: instanceKey.name }],
      ['UpdateKey', { key: { name: instanceKey.name, displayName: 'mine' } }],
    ];
    for (const [method, message] of attempts)
      expect([
        method,
        message,
        await target.code(`KeyService/${method}`, { ...message }, { token: halter.secret }),
      ]).toEqual([method, message, 'PERMISSION_DENIED']);
    const reader = await target.makeKey(admin('SCOPE_READ'));
    const one = { parent: PROJECT, key: { kind: 'KEY_KIND_SERVER', environment: PRODUCTION } };
    expect(await target.code('KeyService/CreateKey', one, { token: reader.secret })).toBe(
      'PERMISSION_DENIED',
    );
    const own = { parent: PROJECT, key: admin('SCOPE_READ') };
    expect(await target.code('KeyService/CreateKey', own, { token: halter.secret })).toBe('OK');
  });

  it('needs the scope for what it does: halting is its own', async () => {
    const name = `${PRODUCTION}/flags/pricing`;
    const scoped = async (...scopes: string[]) =>
      (await target.makeKey({ kind: 'KEY_KIND_ADMIN', scopes: ['SCOPE_READ', ...scopes] })).secret;
    const [writer, halter] = [await scoped('SCOPE_WRITE'), await scoped('SCOPE_HALT')];
    const code = (method: string, token: string) => target.code(`FlagService/${method}`, { name }, { token });
    expect(await code('HaltFlag', writer)).toBe('PERMISSION_DENIED');
    expect(await code('EnableFlag', halter)).toBe('PERMISSION_DENIED');
    expect(await code('HaltFlag', halter)).toBe('OK');
    expect(await code('ResumeFlag', writer)).toBe('PERMISSION_DENIED');
    expect(await code('ResumeFlag', halter)).toBe('OK');
  });

  it('to one project sees nothing of another, not even that it exists', async () => {
    const { secret } = await target.makeKey({
      kind: 'KEY_KIND_ADMIN',
      scopes: ['SCOPE_READ', 'SCOPE_WRITE'],
    });
    await target.ok('ProjectService/CreateProject', { projectId: 'secret-project' });
    for (const project of ['secret-project', 'no-such-project', '_system'])
      for (const [method, message] of [
        ['ProjectService/GetProject', { name: `projects/${project}` }],
        ['FlagService/ListFlags', { parent: `projects/${project}` }],
        ['HistoryService/ListRevisions', { parent: `projects/${project}` }],
        ['KeyService/ListKeys', { parent: `projects/${project}` }],
      ] as const) {
        const answer = await target.call(method, message, { token: secret });
        expect([method, project, codeOf(answer)]).toEqual([method, project, 'PERMISSION_DENIED']);
      }
    const listed = await target.call('ProjectService/ListProjects', {}, { token: secret });
    expect(JSON.stringify(jsonOf(listed))).not.toContain('secret-project');
    const places = { environment: 'projects/secret-project/environments/production', ...CHECKOUT };
    expect(await target.code(EVALUATE, places, { token: secret })).toBe('PERMISSION_DENIED');
  });
});

describe('without a key', () => {
  it('health says whether, and nothing else', async () => {
    expect(await target.ok('/grpc.health.v1.Health/Check', {}, '')).toEqual({ status: 'SERVING' });
    expect(await target.code('/grpc.health.v1.Health/Check', { service: 'none' }, { token: '' })).toBe(
      'NOT_FOUND',
    );
  });

  it('metrics and readiness are not on the public port', async () => {
    for (const path of ['/metrics', '/readyz', '/livez', '/', '/admin.key', '/../admin.key'])
      expect((await fetch(target.server.url + path)).status).toBe(404);
    expect((await fetch(`${target.server.managementUrl}/metrics`)).status).toBe(200);
  });

  it('metrics name methods and codes only, whatever callers call themselves', async () => {
    await target.call(
      `EvaluationService/${'Nope'.repeat(20)}`,
      {},
      { headers: { 'user-agent': 'canary-agent' } },
    );
    const client = { name: 'canary-client', version: '\u202e1' };
    await target.ok('EvaluationService/Handshake', { protocolVersion: 1, client }, target.keys.server);
    const text = await (await fetch(`${target.server.managementUrl}/metrics`)).text();
    expect(text).toContain('rpc_method="vexil.v1.EvaluationService/Handshake"');
    expect(text).not.toMatch(/canary|NopeNope/);
  });
});
