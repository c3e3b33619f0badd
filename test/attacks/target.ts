import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { callH1, callH2, envelope, type RawAnswer } from '../rpc/raw-call.ts';
import { type ServerProcess, startServer } from '../support/server-process.ts';

/** JSON of proto3. */
export interface Json {
  readonly [field: string]: unknown;
}

export const PROJECT = 'projects/default';
export const PRODUCTION = `${PROJECT}/environments/production`;
export const STAGING = `${PROJECT}/environments/staging`;
export const SHOP_ORIGIN = 'https://shop.example';

/** gRPC's names, by number. */
const CODES = [
  ...['OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND'],
  ...['ALREADY_EXISTS', 'PERMISSION_DENIED', 'RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION', 'ABORTED'],
  ...['OUT_OF_RANGE', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS', 'UNAUTHENTICATED'],
];

export interface Keys {
  readonly admin: string;
  /** To production. */
  readonly server: string;
  readonly staging: string;
  /** To production, from SHOP_ORIGIN. */
  readonly web: string;
}

/** A server process with two environments, a visible flag `checkout`, a hidden flag `pricing`, and keys. */
export interface Target {
  readonly server: ServerProcess;
  readonly keys: Keys;
  /** One call with JSON over Connect and HTTP/1.1. A string is sent as it is. */
  call(method: string, message: Json | string, options?: CallOptions): Promise<RawAnswer>;
  /** The answer to a call that has to succeed. With the admin key unless told otherwise. */
  ok(method: string, message: Json, token?: string): Promise<Json>;
  /** The name of the code that a call is answered with. */
  code(method: string, message: Json | string, options?: CallOptions): Promise<string>;
  /** Makes a key and returns its secret and its name. */
  makeKey(key: Json, parent?: string): Promise<{ secret: string; name: string }>;
  /** Fails unless the process serves somebody else as if nothing had happened, and has met nothing unforeseen. */
  checkHealthy(): Promise<void>;
  /** What the process holds. */
  memoryMib(): number;
  /** Checks once more, and ends the process. */
  close(): Promise<void>;
}

export interface CallOptions {
  /** Default: the admin key. Empty: none. */
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export async function openTarget(env: Readonly<Record<string, string>> = {}): Promise<Target> {
  const server = await startServer({ env });
  try {
    return await furnish(server);
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

async function furnish(server: ServerProcess): Promise<Target> {
  const call: Target['call'] = async (method, message, { token = server.adminToken, headers } = {}) =>
    withoutLeaks(
      await callH1(server.url, {
        path: pathOf(method),
        // As real clients do. On a connection that is to be closed, who is refused halfway may not get to read why.
        headers: {
          'content-type': 'application/json',
          connection: 'keep-alive',
          ...bearer(token),
          ...headers,
        },
        body: Buffer.from(typeof message === 'string' ? message : JSON.stringify(message)),
      }),
    );
  const ok: Target['ok'] = async (method, message, token = server.adminToken) => {
    const answer = await call(method, message, { token });
    expect(codeOf(answer), `${method} ${answer.message}`).toBe('OK');
    return jsonOf(answer);
  };
  const makeKey: Target['makeKey'] = async (key, parent = PROJECT) => {
    const made = await ok('KeyService/CreateKey', { parent, key });
    return { secret: String(made.secret), name: String(Object(made.key).name) };
  };
  for (const [flagId, clientVisible] of [
    ['checkout', true],
    ['pricing', false],
  ])
    await ok('FlagService/CreateFlag', {
      parent: PROJECT,
      flagId,
      flag: { type: 'FLAG_TYPE_BOOLEAN', clientVisible },
      enabledEnvironments: ['production'],
    });
  const serverKey = await makeKey({ kind: 'KEY_KIND_SERVER', environment: PRODUCTION });
  const staging = await makeKey({ kind: 'KEY_KIND_SERVER', environment: STAGING });
  const web = await makeKey({
    kind: 'KEY_KIND_WEB',
    environment: PRODUCTION,
    allowedOrigins: [SHOP_ORIGIN],
  });
  const keys = {
    admin: server.adminToken,
    server: serverKey.secret,
    staging: staging.secret,
    web: web.secret,
  };
  const checkHealthy = async () => {
    expect(await ok('/grpc.health.v1.Health/Check', {}, '')).toEqual({ status: 'SERVING' });
    const request = { flagKey: 'checkout', context: { targetingKey: 'user-1' } };
    const answer = await ok('EvaluationService/Evaluate', request, keys.server);
    expect(answer).toMatchObject({ flagKey: 'checkout', boolValue: false, reason: 'REASON_DEFAULT' });
    expect(unforeseenIn(server.output())).toEqual([]);
  };
  return {
    ...{ server, keys, call, ok, makeKey, checkHealthy },
    code: async (method, message, options) => codeOf(await call(method, message, options)),
    memoryMib() {
      const status = readFileSync(`/proc/${server.pid}/status`, 'utf8');
      return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1_024;
    },
    async close() {
      await using _server = server;
      await checkHealthy();
    },
  };
}

export function codeOf({ code }: Pick<RawAnswer, 'code'>): string {
  return code === undefined ? 'NONE' : (CODES[code] ?? String(code));
}

export function jsonOf({ body }: RawAnswer): Json {
  const json: unknown = JSON.parse(body.toString());
  return typeof json === 'object' && json !== null ? { ...json } : {};
}

/** Services of the API itself may be named without their package. */
export function pathOf(method: string): string {
  return method.startsWith('/') ? method : `/vexil.v1.${method}`;
}

export function bearer(token: string): Record<string, string> {
  return token === '' ? {} : { authorization: `Bearer ${token}` };
}

/** A protocol in one of its encodings, for a unary call. */
export interface Wire {
  readonly name: string;
  readonly contentType: string;
  readonly timeoutHeader: string;
  readonly encodingHeader: string;
  /** Sends these bytes as the one message. */
  send(url: string, method: string, message: Uint8Array, options?: WireOptions): Promise<RawAnswer>;
}

export interface WireOptions extends CallOptions {
  /** Of the envelope, where there is one. */
  readonly flags?: number;
  readonly length?: number;
  readonly keepOpen?: boolean;
}

function wire(contentType: string, version: 1 | 2): Wire {
  const enveloped = contentType.startsWith('application/grpc');
  const send = version === 1 ? callH1 : callH2;
  return {
    name: `${contentType} over HTTP/${version}`,
    contentType,
    timeoutHeader: enveloped ? 'grpc-timeout' : 'connect-timeout-ms',
    encodingHeader: enveloped ? 'grpc-encoding' : 'content-encoding',
    async send(url, method, message, { token = '', headers, flags = 0, length, keepOpen = false } = {}) {
      return withoutLeaks(
        await send(url, {
          path: pathOf(method),
          headers: { 'content-type': contentType, te: 'trailers', ...bearer(token), ...headers },
          body: enveloped ? envelope(message, { flags, length: length ?? message.length }) : message,
          keepOpen,
        }),
      );
    },
  };
}

export const GRPC = wire('application/grpc+proto', 2);
export const GRPC_WEB = wire('application/grpc-web+proto', 1);
export const CONNECT = wire('application/proto', 1);
export const CONNECT_JSON = wire('application/json', 2);
export const BINARY_WIRES: readonly Wire[] = [GRPC, GRPC_WEB, CONNECT];
export const WIRES: readonly Wire[] = [...BINARY_WIRES, CONNECT_JSON];

/** The lines of a server's output that say that something happened which no code foresaw. */
export function unforeseenIn(output: string): string[] {
  return output
    .split('\n')
    .filter((line) =>
      /no code foresaw|could not be written|uncaught|unhandled|"level":"(error|fatal)"/i.test(line),
    );
}

const TELLTALE =
  /\bat [\w.<>]+ \(|node:internal|node_modules|\/src\/|\/work\/|\/tmp\/|sqlite|SQLITE|undefined is not|Cannot read prop|vx_(server|web|admin)_\w{16}_/;

/** No answer tells about stacks, paths, drivers or keys. */
function withoutLeaks(answer: RawAnswer): RawAnswer {
  if (answer.code !== 0) {
    const said = `${answer.body.toString('latin1')}\n${JSON.stringify(answer.headers)}`;
    expect(TELLTALE.exec(said)?.[0]).toBeUndefined();
    expect(decoded(answer)).not.toMatch(TELLTALE);
  }
  return answer;
}

/** What is in base64: the details. */
function decoded({ body, headers }: RawAnswer): string {
  const packed = [...body.toString('latin1').matchAll(/"value":"([^"]*)"/g)].map(([, value]) => value ?? '');
  return [String(headers['grpc-status-details-bin'] ?? ''), ...packed]
    .map((text) => Buffer.from(text, 'base64').toString('latin1'))
    .join('\n');
}
