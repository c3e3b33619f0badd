import type { DescMethod, DescService, Message } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import type { ContextValues, Interceptor, StreamRequest } from '@connectrpc/connect';
import { AnalyticsService } from '../../gen/vexil/v1/analytics_service_pb.ts';
import { EvaluationService } from '../../gen/vexil/v1/evaluation_pb.ts';
import { FlagService } from '../../gen/vexil/v1/flag_service_pb.ts';
import { FleetService } from '../../gen/vexil/v1/fleet_service_pb.ts';
import { HistoryService } from '../../gen/vexil/v1/history_service_pb.ts';
import { KeyService } from '../../gen/vexil/v1/key_service_pb.ts';
import { ProjectService } from '../../gen/vexil/v1/project_service_pb.ts';
import { ReleaseService } from '../../gen/vexil/v1/release_service_pb.ts';
import { SegmentService } from '../../gen/vexil/v1/segment_service_pb.ts';
import { TelemetryService } from '../../gen/vexil/v1/telemetry_service_pb.ts';
import { type Access, reaches } from '../app/access.ts';
import type { Admission } from '../app/admission.ts';
import { type Principal, SYSTEM } from '../app/principal.ts';
import { FlagError } from '../core/errors.ts';
import type { Scope } from '../core/model.ts';
import { admit, type Presented, tokenIn } from './admit.ts';
import { addressKey, principalKey } from './principal-key.ts';
import { type Refusal, type Refused, refusalFrom } from './refusal.ts';
import { TRACEPARENT } from './trace-context.ts';

/** What a key must be to call a method. */
type Demand =
  /** Anybody may: health and reflection tell nothing about flags. */
  | { readonly kind: 'open' }
  /** Any key; which environment, and what of it, is decided where the call is answered. */
  | { readonly kind: 'evaluation' }
  /** An admin key with this scope that reaches the project which the request names. */
  | { readonly kind: 'management'; readonly scope: Scope };

const MANAGEMENT: readonly DescService[] = [
  AnalyticsService,
  FlagService,
  FleetService,
  HistoryService,
  KeyService,
  ProjectService,
  ReleaseService,
  SegmentService,
];

/** They say themselves what each kind of key may do. */
const FOR_ANY_KEY: readonly DescService[] = [EvaluationService, TelemetryService];

/** Sums that tell nothing of anybody in particular. */
const FIGURES: readonly DescMethod[] = [
  AnalyticsService.method.queryEvaluations,
  AnalyticsService.method.listFlagActivity,
  AnalyticsService.method.getFlagHealth,
  AnalyticsService.method.listFlagHealth,
  AnalyticsService.method.getFlagConversions,
];

/** The one table of who may call what. A method that it does not know is management, and needs everything it can. */
function demandOf(service: DescService, method: DescMethod): Demand {
  if (FOR_ANY_KEY.some(({ typeName }) => typeName === service.typeName) || FIGURES.includes(method))
    return { kind: 'evaluation' };
  if (!MANAGEMENT.some(({ typeName }) => typeName === service.typeName)) return { kind: 'open' };
  if (method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS)
    return { kind: 'management', scope: 'read' };
  if (service.typeName === KeyService.typeName) return { kind: 'management', scope: 'keys' };
  if (method === FlagService.method.haltFlag || method === FlagService.method.resumeFlag)
    return { kind: 'management', scope: 'halt' };
  return { kind: 'management', scope: 'write' };
}

/**
 * Asks who calls, and leaves the principal in the values of the call; asked again, whether that still holds. Rejects with
 * a FlagError for nobody.
 */
export type Doorkeeper = (
  method: DescMethod,
  header: Headers,
  values: ContextValues,
) => Promise<Principal | undefined>;

/** Whom `authInterceptor` asks, and whoever wants to know earlier. `refused` hears of everybody who is not let in. */
export function doorkeeper(access: Access, admission: Admission, refused: Refused): Doorkeeper {
  return async (method, header, values) => {
    if (demandOf(method.parent, method).kind === 'open') return undefined;
    const known = values.get(principalKey);
    try {
      if (known !== undefined) {
        access.check(known);
        return known;
      }
      const principal = await admit(access, admission, presentedIn({ header, contextValues: values }));
      values.set(principalKey, principal);
      return principal;
    } catch (error) {
      if (error instanceof FlagError) refused(refusalOf({ method, header, contextValues: values }, error));
      throw error;
    }
  };
}

/**
 * Has everybody asked who has not been yet, and refuses what their key does not allow. Throws FlagErrors, so it belongs
 * inside the error interceptor.
 */
export function authInterceptor(ask: Doorkeeper, refused: Refused): Interceptor {
  return (next) => async (request) => {
    const { method, header, contextValues } = request;
    const principal = await ask(method, header, contextValues);
    const demand = demandOf(request.service, method);
    if (demand.kind !== 'management' || principal === undefined) return next(request);
    const reporting = <T>(check: () => T): T => {
      try {
        return check();
      } catch (error) {
        if (error instanceof FlagError) refused(refusalOf(request, error));
        throw error;
      }
    };
    reporting(() => checkScope(principal, demand.scope));
    // What a stream is about is in its messages, and they are not here yet.
    if (request.stream)
      return next({
        ...request,
        message: eachOf(request.message, (message) => reporting(() => checkProject(principal, message))),
      });
    reporting(() => checkProject(principal, request.message));
    return next(request);
  };
}

interface Asking {
  readonly method: DescMethod;
  readonly header: Headers;
  readonly contextValues: ContextValues;
}

function refusalOf(asking: Asking, error: FlagError): Refusal {
  const { method, header } = asking;
  const name = `${method.parent.typeName}/${method.name}`;
  return refusalFrom(name, error, presentedIn(asking), header.get(TRACEPARENT));
}

function presentedIn({ header, contextValues }: Pick<Asking, 'header' | 'contextValues'>): Presented {
  return {
    token: tokenIn(header.get('authorization'), header.get('x-api-key')),
    origin: header.get('origin'),
    address: () => contextValues.get(addressKey),
  };
}

/**
 * Counts streams, per key and per address, for as long as they last; where a caller sends many messages, each is a call.
 * Belongs inside the auth interceptor. `refused` hears of every refusal.
 */
export function streamInterceptor(admission: Admission, refused: Refused): Interceptor {
  return (next) => async (request) => {
    if (!request.stream) return next(request);
    const keyId = request.contextValues.get(principalKey)?.keyId;
    const reporting = <T>(count: () => T): T => {
      try {
        return count();
      } catch (error) {
        if (error instanceof FlagError) refused(refusalOf(request, error));
        throw error;
      }
    };
    const seat = reporting(() => admission.stream(keyId, request.contextValues.get(addressKey)));
    const leave = () => seat[Symbol.dispose]();
    request.signal.addEventListener('abort', leave, { once: true });
    // Whoever left before this is not told of any more.
    if (request.signal.aborted) leave();
    try {
      const response = await next(counted(request, keyId, admission, reporting));
      return response.stream ? { ...response, message: untilEnd(response.message, leave) } : response;
    } catch (error) {
      leave();
      throw error;
    }
  };
}

/** The same request. A caller without a key has no calls to use up. */
function counted(
  request: StreamRequest,
  keyId: string | undefined,
  admission: Admission,
  reporting: (count: () => void) => void,
): StreamRequest {
  if (keyId === undefined || request.method.methodKind === 'server_streaming') return request;
  const count = admission.callCounter(keyId);
  return { ...request, message: eachOf(request.message, () => reporting(count)) };
}

async function* eachOf<T>(messages: AsyncIterable<T>, look: (message: T) => void): AsyncGenerator<T> {
  for await (const message of messages) {
    look(message);
    yield message;
  }
}

async function* untilEnd<T>(messages: AsyncIterable<T>, end: () => void): AsyncGenerator<T> {
  try {
    yield* messages;
  } finally {
    end();
  }
}

function checkScope(principal: Principal, scope: Scope): void {
  if (principal.kind !== 'admin' || !principal.scopes.includes(scope))
    throw new FlagError('forbidden', `this needs an admin key with the scope ${scope}`, {
      reason: 'SCOPE_MISSING',
      metadata: { scope },
    });
}

function checkProject(principal: Principal, message: unknown): void {
  const project = projectNamedIn(message);
  if (project !== undefined && !reaches(principal, project))
    throw new FlagError('forbidden', 'this key does not reach that project', {
      reason: 'KEY_OF_ANOTHER_PROJECT',
    });
}

const PROJECT = /^projects\/([^/]*)/;

/**
 * The project that a management request is about: in its `parent`, its `name` or the `name` of the resource in it. What
 * names none is about the instance, but for a list of projects, which shows a key only those that it reaches.
 */
function projectNamedIn(message: unknown): string | undefined {
  if (!isRecord(message)) return SYSTEM;
  if (message.$typeName === 'vexil.v1.ListProjectsRequest') return undefined;
  // The name in the project that is sent along says nothing about the one that is to be made.
  if (message.$typeName === 'vexil.v1.CreateProjectRequest') return SYSTEM;
  const name = [message, ...Object.values(message).filter(isMessage)]
    .flatMap((record) => [record.parent, record.name])
    .find((value) => typeof value === 'string' && value !== '');
  return typeof name === 'string' ? (PROJECT.exec(name)?.[1] ?? SYSTEM) : SYSTEM;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function isMessage(value: unknown): value is Message & Readonly<Record<string, unknown>> {
  return isRecord(value) && typeof value.$typeName === 'string';
}
