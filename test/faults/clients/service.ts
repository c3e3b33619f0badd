import type { Context } from '../../../src/core/context.ts';
import type { ViewSeen } from '../history/history.ts';
import type { WatchTold } from '../history/recorder.ts';

/** What the clients of fault tests want changed. Each shows in what watchers are told, or in no environment of theirs. */
export type Wish =
  | { readonly kind: 'create_flag'; readonly flag: string }
  | { readonly kind: 'archive_flag'; readonly flag: string }
  | { readonly kind: 'delete_flag'; readonly flag: string }
  | { readonly kind: 'set_value'; readonly flag: string; readonly value: string }
  | { readonly kind: 'halt_flag'; readonly flag: string }
  | { readonly kind: 'resume_flag'; readonly flag: string }
  /** To be done by the service itself at that time (an instant), once, whichever replica is first. */
  | { readonly kind: 'plan'; readonly flag: string; readonly at: string; readonly halts: boolean }
  /** Gives one user more the other variation, in this environment. */
  | {
      readonly kind: 'add_target';
      readonly flag: string;
      readonly environment: string;
      readonly user: string;
    }
  | { readonly kind: 'set_segment'; readonly segment: string; readonly included: readonly string[] }
  /** Makes everything as it was: one change of many objects. */
  | { readonly kind: 'revert_to'; readonly revision: number };

export interface WriteRequest {
  readonly key: string;
  readonly wish: Wish;
  /** Refused unless the flag is at this version. */
  readonly expectedVersion?: number;
}

export interface Written {
  readonly revision: number;
  /** It was like that already, and there is no revision of it. */
  readonly unchanged: boolean;
}

export interface Evaluated {
  readonly revision: number;
  readonly witness: string;
}

/** A message with what a client needs to go on. */
export interface Told {
  readonly message: WatchTold;
  readonly token?: string;
  readonly retryAfterMs?: number;
}

/** One replica, as its clients reach it. Whatever fails rejects with `Refused`. */
export interface Service {
  readonly replica: string;
  write(request: WriteRequest): Promise<Written>;
  /** Not older than `minRevision`. */
  evaluate(flag: string, context: Context, minRevision: number): Promise<Evaluated>;
  /** How stale it says it is, and at which revision. */
  staleness(): Promise<{ readonly revision: number; readonly stalenessMs: number }>;
  /** An empty token: from the beginning. Ends by rejecting, always. */
  watch(view: ViewSeen, token: string, signal: AbortSignal): AsyncIterable<Told>;
}

/** Why something was not done, with the code that gRPC has for it. */
export class Refused extends Error {
  readonly code: string;
  readonly reason: string;

  constructor(code: string, reason: string, message = '') {
    super(`${code} ${reason} ${message}`);
    this.name = 'Refused';
    this.code = code;
    this.reason = reason;
  }

  /** Nobody can say whether it was done. */
  get isUnknown(): boolean {
    return ['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'CANCELLED', 'INTERNAL', 'UNKNOWN'].includes(this.code);
  }
}

/** What clients live in: a simulation, or this machine. */
export interface Pace {
  sleep(ms: number): Promise<void>;
  /** Aborted when the clients shall come to an end. */
  readonly over: AbortSignal;
}

export function refusedBy(error: unknown): Refused {
  if (error instanceof Refused) return error;
  throw error;
}
