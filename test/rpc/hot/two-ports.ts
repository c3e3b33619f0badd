import { randomBytes } from 'node:crypto';
import { createContextValues } from '@connectrpc/connect';
import { EvaluationService } from '../../../gen/vexil/v1/evaluation_pb.ts';
import { systemClock } from '../../../src/adapters/in-process/system-clock.ts';
import { Admission } from '../../../src/app/admission.ts';
import { hashSecret, mintToken } from '../../../src/app/key-token.ts';
import { createKey, type NewKey, revokeKey } from '../../../src/app/manage/keys.ts';
import { createProject } from '../../../src/app/manage/projects.ts';
import type { Principal } from '../../../src/app/principal.ts';
import type { KeyKind } from '../../../src/core/model.ts';
import { authInterceptor, doorkeeper, streamInterceptor } from '../../../src/rpc/auth.ts';
import { evaluationService } from '../../../src/rpc/evaluation-service.ts';
import type { HttpHandler } from '../../../src/rpc/http-exchange.ts';
import { addressKey } from '../../../src/rpc/principal-key.ts';
import type { CallRecord } from '../../../src/rpc/telemetry-interceptor.ts';
import { requestChecks } from '../../../src/rpc/wire/query-reader.ts';
import { withFastPath } from '../../../src/server/fast-path.ts';
import { type Listener, listen, type TlsMaterial } from '../../../src/server/listen.ts';
import { createRpcHandler } from '../../../src/server/rpc-handler.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { type Instance, openInstance, PEPPER } from '../../support/instance.ts';
import { completeFlag, completeSettings, type FlagVector } from '../../vectors/load.ts';
import { evaluationParts } from './both-paths.ts';

export const SHOP_ORIGIN = 'https://shop.example';
export const MAX_BYTES = 65_536;
export const RECEIVE_TIMEOUT_MS = 300;

/** One way in, and what it noted beside its answers. */
export interface Port {
  readonly port: number;
  readonly isSecure: boolean;
  /** What was noted since the last time that it was taken. */
  notes(): Notes;
  takeNotes(): Notes;
}

export interface Notes {
  readonly calls: readonly Omit<CallRecord, 'durationMs'>[];
  readonly refusals: readonly unknown[];
  /** What no code foresaw. */
  readonly unforeseen: readonly unknown[];
  /** How many calls came to the path of the RPC library. */
  readonly byLibrary: number;
}

export interface TwoPorts extends AsyncDisposable {
  readonly slow: Port;
  readonly fast: Port;
  readonly keys: Readonly<Record<KeyName, string>>;
  readonly instance: Instance;
}

const MESSAGES = {
  ...{ maxEvaluateBytes: MAX_BYTES, maxManagementBytes: MAX_BYTES, maxJsonDepth: 64 },
  ...{ receiveTimeoutMs: RECEIVE_TIMEOUT_MS, unaryTimeoutMs: 2_000 },
};
const CONNECTIONS = {
  ...{ maxConnections: 1_000, maxStreamsPerConnection: 100, maxHeaderBytes: 16_384 },
  ...{ firstBytesTimeoutMs: 10_000, requestTimeoutMs: 10_000, idleConnectionMs: 60_000 },
};

export type KeyName = 'server' | 'web' | 'admin' | 'revoked';

const ROOT: Principal = {
  ...{ keyId: 'root', kind: 'admin', project: '_system', environment: undefined },
  ...{ scopes: ['read', 'write', 'halt', 'keys'], allowedOrigins: [], expiresAt: Number.POSITIVE_INFINITY },
};

const JSON_VARIATIONS = [
  { key: 'on', value: { a: [1, 'é'] } },
  { key: 'off', value: {} },
];

const FLAGS: readonly FlagVector[] = [
  { key: 'checkout', clientVisible: true },
  { key: 'pricing', type: 'json', variations: JSON_VARIATIONS },
  // Together large enough to be compressed.
  ...Array.from({ length: 40 }, (_, index) => ({ key: `flag-${index}` })),
];

/**
 * The same flags and keys behind two ports: one with the fast path, and one without. Each counts its own calls, of which
 * a key has so many in all, for the clock that would give it more stands still.
 */
export async function openTwoPorts(callsPerKey = 1_000_000, tls?: TlsMaterial): Promise<TwoPorts> {
  const instance = await openInstance();
  await furnish(instance);
  const keys = {
    server: await makeKey(instance, 'server'),
    web: await makeKey(instance, 'web', { allowedOrigins: [SHOP_ORIGIN] }),
    admin: await makeKey(instance, 'admin', { scopes: ['read'] }),
    revoked: await makeKey(instance, 'server', {}, true),
  };
  const slow = await openPort(instance, callsPerKey, false, tls);
  const fast = await openPort(instance, callsPerKey, true, tls);
  return {
    ...{ slow, fast, keys, instance },
    async [Symbol.asyncDispose]() {
      slow.listener.destroy();
      fast.listener.destroy();
      await instance[Symbol.asyncDispose]();
    },
  };
}

async function furnish(instance: Instance): Promise<void> {
  await instance.commit(
    'shop',
    createProject({ key: 'shop', name: '', description: '', environments: ['production', 'staging'] }),
  );
  await instance.commit('shop', () => ({
    operations: FLAGS.flatMap((flag) => [
      { op: 'put' as const, object: { kind: 'flag' as const, state: completeFlag(flag) } },
      {
        op: 'put' as const,
        object: { kind: 'settings' as const, environment: 'production', state: completeSettings(flag) },
      },
    ]),
  }));
}

async function makeKey(
  instance: Instance,
  kind: KeyKind,
  more: Partial<NewKey> = {},
  isRevoked = false,
): Promise<string> {
  const { token, id, secret } = mintToken(kind, randomBytes);
  const key: NewKey = {
    ...{ id, kind, name: '', scopes: [], allowedOrigins: [], secretHash: hashSecret(PEPPER, secret) },
    ...(kind !== 'admin' && { environment: 'production' }),
    ...more,
  };
  await instance.commit('shop', createKey(key, ROOT));
  if (isRevoked) await instance.commit('shop', revokeKey(id, ROOT));
  return token;
}

type OpenPort = Port & { readonly listener: Listener };

async function openPort(
  instance: Instance,
  callsPerKey: number,
  isFast: boolean,
  tls: TlsMaterial | undefined,
): Promise<OpenPort> {
  // Time passes for those who wait, but stands still for what answers say.
  const evaluation = {
    ...evaluationParts(instance),
    clock: { ...systemClock, now: () => instance.clock.now() },
  };
  const { access } = instance;
  const admission = new Admission(
    {
      ...{ callsPerKeyPerSecond: callsPerKey, refusedKeysPerAddressPerSecond: 0 },
      ...{ streamsPerKey: 0, streamsPerAddress: 0, openStreamsPerAddress: 0 },
    },
    createFakeClock(),
  );
  const { notes, takeNotes, recordCall, refused, log, library } = noteTaker();
  const ask = doorkeeper(access, admission, refused);
  const handler = createRpcHandler({
    routes: (router) => router.service(EvaluationService, evaluationService(evaluation)),
    enter: ask,
    checks: requestChecks({
      maxJsonDepth: MESSAGES.maxJsonDepth,
      maxAttributes: evaluation.contextLimits.attributes,
    }),
    interceptors: [authInterceptor(ask, refused), streamInterceptor(admission, refused)],
    isManagement: () => false,
    cors: { allows: (origin) => access.allowsOrigin(origin) },
    ...{ messages: MESSAGES, recordCall, log },
    contextValues: ({ address }) => createContextValues().set(addressKey, address),
  });
  const onRequest: HttpHandler = (request) => {
    library();
    return handler(request);
  };
  const app = { access, admission, evaluation };
  const listener = await listen({
    ...{ host: '127.0.0.1', port: 0, limits: CONNECTIONS, onRequest },
    ...(tls && { tls }),
    ...(isFast && withFastPath(app, MESSAGES, log, recordCall, refused)),
  });
  return { listener, port: listener.port, isSecure: tls !== undefined, notes, takeNotes };
}

function noteTaker() {
  const blank = () => ({ calls: [], refusals: [], unforeseen: [], byLibrary: 0 });
  let taken: Notes = blank();
  return {
    recordCall: ({ durationMs: _, ...call }: CallRecord) => {
      taken = { ...taken, calls: [...taken.calls, call] };
    },
    refused: (refusal: unknown) => {
      taken = { ...taken, refusals: [...taken.refusals, refusal] };
    },
    library: () => {
      taken = { ...taken, byLibrary: taken.byLibrary + 1 };
    },
    log: {
      error: (...what: unknown[]) => {
        taken = { ...taken, unforeseen: [...taken.unforeseen, ...what] };
      },
    },
    notes: () => taken,
    takeNotes: () => {
      const notes = taken;
      taken = blank();
      return notes;
    },
  };
}
