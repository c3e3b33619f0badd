import type { MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import {
  type Health,
  HealthCheckResponse_ServingStatus,
  type HealthCheckResponseSchema,
} from '../../gen/grpc/health/v1/health_pb.ts';

export type ServingStatus = 'serving' | 'not_serving';

/** Whether this process should be sent calls. The service named '' is the whole server. */
export interface HealthState {
  /** Undefined for a service that is not here. */
  status(service: string): ServingStatus | undefined;
  services(): readonly string[];
  /** Must call `listener` after each change, until disposed. */
  onChange(listener: () => void): Disposable;
}

/** grpc.health.v1. A watch lasts until its caller leaves or `stopping` aborts; then it ends with UNAVAILABLE. */
export function healthService(state: HealthState, stopping: AbortSignal): ServiceImpl<typeof Health> {
  return {
    check: ({ service }) => {
      const status = state.status(service);
      if (status === undefined) throw new ConnectError('unknown service', Code.NotFound);
      return answerOf(status);
    },
    list: () => ({
      statuses: Object.fromEntries(
        state.services().map((service) => [service, answerOf(state.status(service))]),
      ),
    }),
    async *watch({ service }, { signal }) {
      using changes = changeSignal(state, AbortSignal.any([signal, stopping]));
      let last: HealthCheckResponse_ServingStatus | undefined;
      while (!signal.aborted) {
        const { status } = answerOf(state.status(service));
        if (status !== last) yield { status };
        last = status;
        if (stopping.aborted) throw new ConnectError('the server is stopping', Code.Unavailable);
        await changes.next();
      }
    },
  };
}

function answerOf(status: ServingStatus | undefined) {
  return { status: servingStatusOf(status) } satisfies MessageInitShape<typeof HealthCheckResponseSchema>;
}

function servingStatusOf(status: ServingStatus | undefined): HealthCheckResponse_ServingStatus {
  switch (status) {
    case 'serving':
      return HealthCheckResponse_ServingStatus.SERVING;
    case 'not_serving':
      return HealthCheckResponse_ServingStatus.NOT_SERVING;
    case undefined:
      return HealthCheckResponse_ServingStatus.SERVICE_UNKNOWN;
  }
}

interface ChangeSignal extends Disposable {
  /** Resolves at the next change, at once if one has happened since the last call, and from the abort on always. */
  next(): Promise<void>;
}

function changeSignal(state: HealthState, ended: AbortSignal): ChangeSignal {
  let changed = Promise.withResolvers<void>();
  const onChange = (): void => changed.resolve();
  const subscription = state.onChange(onChange);
  ended.addEventListener('abort', onChange);
  return {
    next: async () => {
      if (ended.aborted) return;
      await changed.promise;
      changed = Promise.withResolvers<void>();
    },
    [Symbol.dispose]: () => {
      ended.removeEventListener('abort', onChange);
      subscription[Symbol.dispose]();
    },
  };
}
