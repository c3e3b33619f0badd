import * as http2 from 'node:http2';
import { type DescMethod, type DescService, toBinary, toJsonString } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { Health } from '../../gen/grpc/health/v1/health_pb.ts';
import { ServerReflection } from '../../gen/grpc/reflection/v1/reflection_pb.ts';
import { EvaluationService } from '../../gen/vexil/v1/evaluation_pb.ts';
import { FlagService } from '../../gen/vexil/v1/flag_service_pb.ts';
import { FleetService } from '../../gen/vexil/v1/fleet_service_pb.ts';
import { HistoryService } from '../../gen/vexil/v1/history_service_pb.ts';
import { KeyService } from '../../gen/vexil/v1/key_service_pb.ts';
import { ProjectService } from '../../gen/vexil/v1/project_service_pb.ts';
import { ReleaseService } from '../../gen/vexil/v1/release_service_pb.ts';
import { SegmentService } from '../../gen/vexil/v1/segment_service_pb.ts';
import { TelemetryService } from '../../gen/vexil/v1/telemetry_service_pb.ts';
import { callH1, callH2, envelope, type RawAnswer, toAnswer } from '../rpc/raw-call.ts';
import { type InProcessServer, startInProcess } from './in-process-server.ts';
import { createRandom, type Random } from './random.ts';
import { mutateBytes, mutateJson, randomMessage } from './random-message.ts';
import { bearer, codeOf, openTarget, unforeseenIn } from './target.ts';

// VEXIL_FUZZ_MESSAGES=100000 goes on for longer, VEXIL_FUZZ_SEED=7 goes elsewhere. A failure names the seed, and
// prints the message that did it.
const SEED = Number(process.env.VEXIL_FUZZ_SEED ?? 1);
const MESSAGES = Number(process.env.VEXIL_FUZZ_MESSAGES ?? 2_500);
const TIMEOUT_MS = 60_000 + MESSAGES * 50;
const SESSIONS = 4;
const AT_ONCE = 8;
/** How long streams are let run. */
const DEADLINE_MS = 50;

const SERVICES: readonly DescService[] = [
  ...[
    EvaluationService,
    FlagService,
    ProjectService,
    SegmentService,
    ReleaseService,
    KeyService,
    HistoryService,
    FleetService,
    TelemetryService,
  ],
  ...[Health, ServerReflection, EvaluationService, EvaluationService],
];
const METHODS = SERVICES.flatMap(({ methods }) => methods);
const ENCODINGS = ['identity', 'gzip', 'br', 'zstd', ''];
const CONTENT_TYPES = [
  ...[
    'application/json',
    'application/proto',
    'application/grpc',
    'application/grpc+proto',
    'application/grpc+json',
  ],
  ...[
    'application/grpc-web+proto',
    'application/grpc-web+json',
    'application/connect+proto',
    'application/connect+json',
  ],
  ...[
    'text/plain',
    '',
    'application/grpc-web-text',
    'application/x-www-form-urlencoded',
    'application/json; charset=latin1',
  ],
];

/** One request, ready to be sent and to be shown. */
interface Shot {
  readonly method: DescMethod;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
  readonly version: 1 | 2;
}

/** Makes what the messages are about. */
async function furnish(url: string, token: string): Promise<void> {
  const parent = 'projects/fuzz';
  const flag = { type: 'FLAG_TYPE_BOOLEAN', clientVisible: true };
  const enabledEnvironments = ['production'];
  for (const [method, message] of [
    ['ProjectService/CreateProject', { projectId: 'fuzz' }],
    ['FlagService/CreateFlag', { parent, flagId: 'flag-1', flag, enabledEnvironments }],
    ['FlagService/CreateFlag', { parent, flagId: 'flag-2', flag, enabledEnvironments }],
    ['SegmentService/CreateSegment', { parent, segmentId: 'segment-1' }],
  ] as const) {
    const headers = { 'content-type': 'application/json', ...bearer(token) };
    const answer = await callH1(url, {
      path: `/vexil.v1.${method}`,
      headers,
      body: Buffer.from(JSON.stringify(message)),
    });
    expect(codeOf(answer), answer.message).toBe('OK');
  }
}

function makeShot(random: Random, tokens: readonly string[]): Shot {
  const method = random.pick(METHODS);
  const isUnary = method.methodKind === 'unary';
  const usual = isUnary ? CONTENT_TYPES.slice(0, 7) : CONTENT_TYPES.slice(2, 9);
  const contentType = random.pick(random.oneIn(12) ? CONTENT_TYPES : usual);
  const message = makeMessage(random, method, contentType.includes('json'));
  const enveloped = /grpc|connect/.test(contentType);
  const body = enveloped ? makeEnvelopes(random, message) : message;
  const isBidi = method.methodKind === 'bidi_streaming';
  return {
    method,
    path: `/${method.parent.typeName}/${method.name}`,
    headers: {
      'content-type': contentType,
      ...bearer(random.pick(tokens)),
      'grpc-timeout': isUnary ? '10S' : `${DEADLINE_MS}m`,
      'connect-timeout-ms': isUnary ? '10000' : String(DEADLINE_MS),
      te: 'trailers',
      ...(random.oneIn(20) && { 'grpc-encoding': random.pick(ENCODINGS) }),
      ...(random.oneIn(20) && { 'content-encoding': random.pick(ENCODINGS) }),
      ...(random.oneIn(20) && { 'connect-protocol-version': random.pick(['1', '2', '']) }),
    },
    body: random.oneIn(10) ? mutateBytes(random, body) : body,
    version: isBidi || contentType === 'application/grpc' || random.oneIn(2) ? 2 : 1,
  };
}

function makeMessage(random: Random, { input }: DescMethod, json: boolean): Buffer {
  if (random.oneIn(10)) return random.bytes(random.whole(300));
  const message = randomMessage(random, input);
  if (!json) {
    const bytes = toBinary(input, message);
    return random.oneIn(3) ? mutateBytes(random, bytes) : Buffer.from(bytes);
  }
  const text = jsonOf(input, message);
  return Buffer.from(random.oneIn(3) ? mutateJson(random, text) : text);
}

/** JSON cannot say everything that a message can. */
function jsonOf(...message: Parameters<typeof toJsonString>): string {
  try {
    return toJsonString(...message);
  } catch {
    return '{}';
  }
}

function makeEnvelopes(random: Random, message: Buffer): Buffer {
  const flags = random.oneIn(15) ? random.whole(256) : 0;
  const length = random.oneIn(15) ? random.pick([0, 1, message.length + 1, 2 ** 32 - 1]) : message.length;
  const one = envelope(message, { flags, length });
  return random.oneIn(10) ? Buffer.concat([one, one]) : one;
}

const FORBIDDEN = new Set(['INTERNAL', 'UNKNOWN', 'DATA_LOSS']);

/** Shoots, several at a time and over several connections, and looks at every answer. */
async function shootAt(
  url: string,
  seed: number,
  tokens: readonly string[],
  look: () => unknown,
): Promise<Map<string, number>> {
  const random = createRandom(seed);
  const sessions = Array.from({ length: SESSIONS }, () => http2.connect(url).on('error', () => undefined));
  const codes = new Map<string, number>();
  let left = MESSAGES;
  const shooter = async (): Promise<void> => {
    while (left-- > 0) {
      const shot = makeShot(random, tokens);
      const answer = await send(url, random.pick(sessions), shot);
      const code = codeOf(answer);
      codes.set(code, (codes.get(code) ?? 0) + 1);
      if (FORBIDDEN.has(code) || (answer.status >= 500 && code === 'NONE'))
        throw new Error(`${code} ${answer.status} ${answer.message} for ${show(shot, seed)}`);
      expect(look(), show(shot, seed)).toEqual([]);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, shooter));
  for (const session of sessions) session.destroy();
  return codes;
}

async function send(url: string, session: http2.ClientHttp2Session, shot: Shot): Promise<RawAnswer> {
  const { path, headers, body, version } = shot;
  if (version === 1)
    return await callH1(url, { path, headers: { ...headers, connection: 'keep-alive' }, body });
  if (session.destroyed || session.closed) return await callH2(url, { path, headers, body });
  const stream = session.request({ ':method': 'POST', ':path': path, ...headers });
  const received: Record<string, unknown> = {};
  stream.on('response', (part) => Object.assign(received, part));
  stream.on('trailers', (part) => Object.assign(received, part));
  stream.end(body);
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return toAnswer(Number(received[':status']), received, Buffer.concat(chunks));
}

function show({ path, headers, body, version }: Shot, seed: number): string {
  const { authorization, ...others } = headers;
  return `seed ${seed}: HTTP/${version} ${path} ${authorization?.slice(0, 16)} ${JSON.stringify(others)}\n${body.toString('base64')}`;
}

/** Most of what there is to find out about a server is found out when calls get through. */
function expectVariety(codes: ReadonlyMap<string, number>): void {
  for (const code of ['OK', 'INVALID_ARGUMENT', 'NOT_FOUND', 'PERMISSION_DENIED'])
    expect(codes.get(code), code).toBeGreaterThan(0);
}

describe('whatever is sent', () => {
  it('to a server process gets an answer that was foreseen, and the next caller is served', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const target = await openTarget();
    await furnish(target.server.url, target.server.adminToken);
    const { keys, server } = target;
    const tokens = [keys.admin, keys.admin, keys.admin, keys.server, keys.web];
    const codes = await shootAt(server.url, SEED, tokens, () => unforeseenIn(server.output()));
    expectVariety(codes);
    await target.close();
  });

  it('changes nothing of what all objects share', { timeout: TIMEOUT_MS }, async () => {
    await using server: InProcessServer = await startInProcess();
    await furnish(server.url, server.adminToken);
    const shared = () =>
      [Object, Array, String, Number, Map, Function, Promise].map((each) => [
        Reflect.ownKeys(each.prototype),
        Object.getPrototypeOf(each.prototype),
      ]);
    const before = shared();
    const codes = await shootAt(server.url, SEED + 1, [server.adminToken], () => server.unforeseen);
    expect(shared()).toEqual(before);
    expect(Object({}).polluted).toBeUndefined();
    expect(codes.get('OK')).toBeGreaterThan(0);
  });
});
