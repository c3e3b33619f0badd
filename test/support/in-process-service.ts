import { randomBytes } from 'node:crypto';
import type { DescService } from '@bufbuild/protobuf';
import {
  type Client,
  ConnectError,
  type ConnectRouter,
  createClient,
  createRouterTransport,
  type Interceptor,
} from '@connectrpc/connect';
import { AnalyticsService } from '../../gen/vexil/v1/analytics_service_pb.ts';
import { FlagType } from '../../gen/vexil/v1/definitions_pb.ts';
import { FlagService } from '../../gen/vexil/v1/flag_service_pb.ts';
import { FleetService } from '../../gen/vexil/v1/fleet_service_pb.ts';
import { HistoryService } from '../../gen/vexil/v1/history_service_pb.ts';
import { KeyService } from '../../gen/vexil/v1/key_service_pb.ts';
import { ProjectService } from '../../gen/vexil/v1/project_service_pb.ts';
import { ReleaseService } from '../../gen/vexil/v1/release_service_pb.ts';
import { SegmentService } from '../../gen/vexil/v1/segment_service_pb.ts';
import { type Adoption, adoptHistory } from '../../src/app/adopt-history.ts';
import { DEFAULT_CONTEXT_LIMITS } from '../../src/app/decisions.ts';
import { History } from '../../src/app/history.ts';
import { type Principal, SYSTEM } from '../../src/app/principal.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import type { ExposureStore } from '../../src/ports/exposure-store.ts';
import type { FleetRegistry } from '../../src/ports/fleet-registry.ts';
import { analyticsService } from '../../src/rpc/analytics-service.ts';
import { errorInterceptor } from '../../src/rpc/errors.ts';
import { flagService } from '../../src/rpc/flag-service.ts';
import { fleetService } from '../../src/rpc/fleet-service.ts';
import { historyService } from '../../src/rpc/history-service.ts';
import { keyService } from '../../src/rpc/key-service.ts';
import { principalKey } from '../../src/rpc/principal-key.ts';
import { projectService } from '../../src/rpc/project-service.ts';
import { releaseService } from '../../src/rpc/release-service.ts';
import { segmentService } from '../../src/rpc/segment-service.ts';
import { createExposureModel } from '../contract/exposure-model.ts';
import { type Instance, openInstance, PEPPER } from './instance.ts';

/** May do everything everywhere. */
export const ROOT: Principal = {
  keyId: 'root',
  kind: 'admin',
  project: SYSTEM,
  environment: undefined,
  scopes: ['read', 'write', 'halt', 'keys'],
  allowedOrigins: [],
  expiresAt: Number.POSITIVE_INFINITY,
};

/** The least that makes a flag: `on` and `off`, off by default. */
export const BOOLEAN = { type: FlagType.BOOLEAN };

/** Clients of every management service of an instance, called as one principal. */
export interface Clients {
  readonly projects: Client<typeof ProjectService>;
  readonly flags: Client<typeof FlagService>;
  readonly segments: Client<typeof SegmentService>;
  readonly releases: Client<typeof ReleaseService>;
  readonly keys: Client<typeof KeyService>;
  readonly history: Client<typeof HistoryService>;
  readonly fleet: Client<typeof FleetService>;
  readonly analytics: Client<typeof AnalyticsService>;
}

/**
 * The management services over the real adapters, in this process and without sockets. Calls go through the
 * protocol's own encoding and the error interceptor.
 */
export interface Service extends Clients, AsyncDisposable {
  readonly instance: Instance;
  /** What analytics read. */
  readonly store: ExposureStore;
  as(principal: Principal): Clients;
  /** Rejects if something came up that no code foresaw. */
  [Symbol.asyncDispose](): Promise<void>;
}

export async function openService(registry?: FleetRegistry): Promise<Service> {
  const instance = await openInstance(registry === undefined ? {} : { registry });
  const unexpected: unknown[] = [];
  const errors = errorInterceptor((error) => unexpected.push(error));
  const store = createExposureModel();
  const routes = routesOf(instance, store);
  const as = (principal: Principal) => clientsOf(routes, [errors, authenticatedAs(principal)]);
  return {
    ...{ ...as(ROOT), instance, store, as },
    async [Symbol.asyncDispose]() {
      await instance[Symbol.asyncDispose]();
      if (unexpected.length > 0) throw new AggregateError(unexpected, 'no code foresaw this');
    },
  };
}

/** With a project `shop` that has production and staging, if not others. */
export async function openShop(environmentIds: string[] = []): Promise<Service> {
  const service = await openService();
  await service.projects.createProject({ projectId: 'shop', environmentIds });
  return service;
}

/** The error that a call rejects with; fails if it does not. */
export async function errorOf(call: Promise<unknown>): Promise<ConnectError> {
  try {
    await call;
  } catch (error) {
    return ConnectError.from(error);
  }
  throw new Error('the call was expected to fail');
}

function routesOf(
  { log, bus, clock, writer, catalog, fleet }: Instance,
  store: ExposureStore,
): (router: ConnectRouter) => void {
  const deps = { writer, catalog };
  const history = new History(log);
  const adopt = (adoption: Adoption) => adoptHistory({ log, bus, catalog, clock, fleet }, adoption);
  return (router) =>
    router
      .service(ProjectService, projectService(deps))
      .service(FlagService, flagService(deps))
      .service(SegmentService, segmentService(deps))
      .service(ReleaseService, releaseService(deps))
      .service(KeyService, keyService({ ...deps, pepper: PEPPER, random: randomBytes }))
      .service(
        HistoryService,
        historyService({ ...deps, history, adopt, contextLimits: DEFAULT_CONTEXT_LIMITS }),
      )
      .service(FleetService, fleetService({ fleet }))
      .service(
        AnalyticsService,
        analyticsService({
          ...{ catalog, history, clock, limits: DEFAULT_LIMITS, pepper: PEPPER },
          exposures: { store },
        }),
      );
}

function clientsOf(routes: (router: ConnectRouter) => void, interceptors: Interceptor[]): Clients {
  const transport = createRouterTransport(routes, { router: { interceptors } });
  const client = <S extends DescService>(service: S) => createClient(service, transport);
  return {
    projects: client(ProjectService),
    flags: client(FlagService),
    segments: client(SegmentService),
    releases: client(ReleaseService),
    keys: client(KeyService),
    history: client(HistoryService),
    fleet: client(FleetService),
    analytics: client(AnalyticsService),
  };
}

function authenticatedAs(principal: Principal): Interceptor {
  return (next) => (request) => {
    request.contextValues.set(principalKey, principal);
    return next(request);
  };
}
