import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type CallOptions,
  type Client,
  Code,
  ConnectError,
  createClient,
  createRouterTransport,
} from '@connectrpc/connect';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AnalyticsService } from '../../gen/vexil/v1/analytics_service_pb.ts';
import { KeyKind, type KeySchema, Scope } from '../../gen/vexil/v1/key_service_pb.ts';
import { Admission } from '../../src/app/admission.ts';
import { History } from '../../src/app/history.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { analyticsService } from '../../src/rpc/analytics-service.ts';
import { authInterceptor, doorkeeper } from '../../src/rpc/auth.ts';
import { errorInterceptor } from '../../src/rpc/errors.ts';
import { BOOLEAN, openShop, type Service } from '../support/in-process-service.ts';
import { PEPPER } from '../support/instance.ts';

const UNLIMITED = {
  ...{ callsPerKeyPerSecond: 0, streamsPerKey: 0, streamsPerAddress: 0, openStreamsPerAddress: 0 },
  refusedKeysPerAddressPerSecond: 0,
};
const parent = 'projects/shop/environments/production';
const name = `${parent}/flags/checkout`;

type Calling = (client: Client<typeof AnalyticsService>, options: CallOptions) => Promise<unknown>;

/** Sums, which tell nothing of anybody. */
const FIGURES: Readonly<Record<string, Calling>> = {
  queryEvaluations: (client, options) => client.queryEvaluations({ parent }, options),
  listFlagActivity: (client, options) => client.listFlagActivity({ parent }, options),
  getFlagHealth: (client, options) => client.getFlagHealth({ name }, options),
  listFlagHealth: (client, options) => client.listFlagHealth({ parent }, options),
  getFlagConversions: (client, options) => client.getFlagConversions({ name, event: 'order' }, options),
};
/** What shows people. */
const PEOPLE: Readonly<Record<string, Calling>> = {
  previewReach: (client, options) => client.previewReach({ parent, rule: {} }, options),
  previewChange: (client, options) =>
    client.previewChange({ name, candidate: { case: 'revision', value: 1n } }, options),
  exportEvaluations: (client, options) => Array.fromAsync(client.exportEvaluations({ parent }, options)),
};
const ERASING: Readonly<Record<string, Calling>> = {
  eraseSubject: (client, options) => client.eraseSubject({ parent, targetingKey: 'anna' }, options),
};
const INSTANCE: Readonly<Record<string, Calling>> = {
  getLedger: (client, options) => client.getLedger({}, options),
  listDeadLetters: (client, options) => client.listDeadLetters({}, options),
};
const REPLAYING: Readonly<Record<string, Calling>> = {
  replayDeadLetters: (client, options) => client.replayDeadLetters({}, options),
};
const ALL = { ...FIGURES, ...PEOPLE, ...ERASING, ...INSTANCE, ...REPLAYING };

let service: Service;
let client: Client<typeof AnalyticsService>;
beforeEach(async () => {
  service = await openShop();
  await service.flags.createFlag({ parent: 'projects/shop', flagId: 'checkout', flag: BOOLEAN });
  await service.projects.createProject({ projectId: 'other', environmentIds: ['production'] });
  const { access, clock, catalog, log } = service.instance;
  const ask = doorkeeper(access, new Admission(UNLIMITED, clock), () => {});
  const deps = { catalog, history: new History(log), clock, limits: DEFAULT_LIMITS, pepper: PEPPER };
  const analytics = analyticsService({ ...deps, exposures: { store: service.store } });
  const interceptors = [errorInterceptor(() => {}), authInterceptor(ask, () => {})];
  const transport = createRouterTransport((router) => router.service(AnalyticsService, analytics), {
    router: { interceptors },
  });
  client = createClient(AnalyticsService, transport);
});
afterEach(() => service[Symbol.asyncDispose]());

/** The calls that a key is not refused. */
async function allowed(project: string, key: MessageInitShape<typeof KeySchema>): Promise<string[]> {
  const { secret } = await service.keys.createKey({ parent: project, key });
  const headers = { authorization: `Bearer ${secret}` };
  const names: string[] = [];
  for (const [method, call] of Object.entries(ALL))
    try {
      await call(client, { headers });
      names.push(method);
    } catch (error) {
      if (ConnectError.from(error).code !== Code.PermissionDenied) names.push(method);
    }
  return names;
}

const names = (...calls: Readonly<Record<string, Calling>>[]) => calls.flatMap((each) => Object.keys(each));
const admin = (...scopes: Scope[]) => ({ kind: KeyKind.ADMIN, scopes });

test('no call of the service is left out here', () => {
  expect(Object.keys(ALL).sort()).toEqual(Object.keys(AnalyticsService.method).sort());
});

test('a server key sees the sums of its own environment, and a web key nothing', async () => {
  const server = { kind: KeyKind.SERVER, environment: parent };
  expect(await allowed('projects/shop', server)).toEqual(names(FIGURES));
  const staging = { ...server, environment: 'projects/shop/environments/staging' };
  expect(await allowed('projects/shop', staging)).toEqual([]);
  const foreign = { ...server, environment: 'projects/other/environments/production' };
  expect(await allowed('projects/other', foreign)).toEqual([]);
  const web = { kind: KeyKind.WEB, environment: parent, allowedOrigins: ['*'] };
  expect(await allowed('projects/shop', web)).toEqual([]);
});

test('an admin key sees people where it may read, and erases them where it may write', async () => {
  expect(await allowed('projects/shop', admin(Scope.READ))).toEqual(names(FIGURES, PEOPLE));
  expect(await allowed('projects/shop', admin(Scope.WRITE))).toEqual(names(ERASING));
  expect(await allowed('projects/shop', admin(Scope.HALT, Scope.KEYS))).toEqual([]);
  expect(await allowed('projects/other', admin(Scope.READ, Scope.WRITE))).toEqual([]);
});

test('only a key to the instance sees the ledger and what nobody could read', async () => {
  expect(await allowed('', admin(Scope.READ))).toEqual(names(FIGURES, PEOPLE, INSTANCE));
  expect(await allowed('', admin(Scope.WRITE))).toEqual(names(ERASING, REPLAYING));
});
