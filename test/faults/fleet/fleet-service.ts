import type { GrpcCaller, MessageStream } from '../../support/grpc-caller.ts';
import { isMessage, type Message } from '../../support/stock-protos.ts';
import { Refused, type Service, type Told } from '../clients/service.ts';
import type { ViewSeen } from '../history/history.ts';
import { callWithin, refusedWith } from './grpc-calls.ts';
import { decidedIn, toldBy } from './wire-messages.ts';
import { callFor } from './wire-writes.ts';

/** What it takes to talk to one replica. */
export interface FleetServiceParts {
  readonly replica: string;
  /** A channel to the process as it is now; undefined while there is none. */
  readonly grpc: () => GrpcCaller | undefined;
  readonly adminToken: string;
  readonly serverToken: string;
  /** projects/{project} */
  readonly project: string;
  readonly environment: string;
  readonly toRecorder: (epochMs: number) => number;
  /** A watch that is silent for so long is dead. */
  readonly silenceMs: number;
}

const DEADLINE_MS = 6_000;

/** A replica as its clients reach it: with a stock gRPC client. */
export function fleetService(parts: FleetServiceParts): Service {
  const { replica, serverToken, adminToken } = parts;
  const caller = (): GrpcCaller => {
    const grpc = parts.grpc();
    if (grpc === undefined) throw new Refused('UNAVAILABLE', 'DOWN');
    return grpc;
  };
  const call = async (method: string, request: Message, token: string) => {
    const grpc = caller();
    try {
      return await callWithin(grpc, method, request, { token, deadlineMs: DEADLINE_MS });
    } catch (error) {
      throw refusedBy(error);
    }
  };
  return {
    replica,
    async write(request) {
      const [method, message] = callFor(request, parts);
      const { receipt } = await call(method, message, adminToken);
      const { revision, unchanged } = isMessage(receipt) ? receipt : {};
      return { revision: Number(revision ?? 0), unchanged: unchanged === true };
    },
    async evaluate(flagKey, context, minRevision) {
      const request = { flagKey, context: { ...context }, minRevision };
      const answer = await call('EvaluationService/Evaluate', request, serverToken);
      return { revision: Number(answer.revision), witness: decidedIn(answer) };
    },
    async staleness() {
      const answer = await call('EvaluationService/Handshake', { protocolVersion: 1 }, serverToken);
      return { revision: Number(answer.revision), stalenessMs: Number(answer.stalenessMs ?? 0) };
    },
    watch: (view, token, signal) => watching(parts, caller, { view, token, signal }),
  };
}

async function* watching(
  { replica, serverToken, toRecorder, silenceMs }: FleetServiceParts,
  caller: () => GrpcCaller,
  { view, token, signal }: { readonly view: ViewSeen; readonly token: string; readonly signal: AbortSignal },
): AsyncGenerator<Told> {
  const asked =
    view.kind === 'definitions' ? { definitions: {} } : { decisions: { context: { ...view.context } } };
  const request = { ...asked, resumeToken: token };
  using stream = open(caller(), request, serverToken);
  const leave = () => stream.cancel();
  signal.addEventListener('abort', leave, { once: true });
  try {
    for (;;) {
      const message = await nextWithin(stream, silenceMs);
      if (message === undefined) {
        const refusal = await stream.ended;
        throw refusal === undefined ? new Refused('OK', 'ENDED') : refusedWith(refusal);
      }
      yield toldBy(replica, view, message, toRecorder);
    }
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

function open(grpc: GrpcCaller, request: Message, token: string): MessageStream {
  try {
    return grpc.stream('EvaluationService/WatchFlags', request, { token });
  } catch (error) {
    throw refusedBy(error);
  }
}

/** A channel may be shut down, for another, at any moment. */
function refusedBy(error: unknown): Refused {
  if (error instanceof Refused) return error;
  if (error instanceof Error && /shut down/.test(error.message)) return new Refused('UNAVAILABLE', 'DOWN');
  throw error;
}

/** Rejects if nothing comes for so long: a connection that is dead does not say so. */
async function nextWithin(stream: MessageStream, silenceMs: number): Promise<Message | undefined> {
  const silence = Promise.withResolvers<never>();
  const timer = setTimeout(() => silence.reject(new Refused('CANCELLED', 'SILENCE')), silenceMs);
  try {
    return await Promise.race([stream.next(), silence.promise]);
  } finally {
    clearTimeout(timer);
  }
}
