import type { Change } from '../../../src/core/change.ts';
import type { Context } from '../../../src/core/context.ts';
import type { Instant } from '../../../src/core/model.ts';

/**
 * What clients saw of one project, and its log: all that the checks look at. Every time is in milliseconds of one
 * monotonic clock, the recorder's.
 */
export interface History {
  readonly operations: readonly OperationSeen[];
  readonly watchers: readonly WatcherSeen[];
  readonly evaluations: readonly EvaluationSeen[];
  readonly claims: readonly Claim[];
  readonly faults: readonly FaultSeen[];
  /** How each replica that lived at the end was found. */
  readonly finals: readonly FinalSeen[];
  /** When the last fault was over. */
  readonly healedAt: number;
  /** How long after that everybody may take to know everything. */
  readonly convergeWithinMs: number;
  /** Changes up to this revision are how it began; nobody's operation made them. */
  readonly beganAt: number;
  /** What is wrong whatever the log says, such as a process that died by itself. */
  readonly incidents: readonly string[];
  /** The wall clock of the service at the beginning of the recorder's: epoch milliseconds. */
  readonly startEpochMs: number;
  /** When the log was taken down, by the wall clock of the service. */
  readonly asOf: Instant;
  /** The changes of the project, as the store has them at the end. */
  readonly log: readonly Change[];
}

/** One thing that a client wanted done, with all its attempts. */
export interface OperationSeen {
  readonly client: string;
  /** The idempotency key of every attempt; the change's reason says `op <key>` as a second witness. */
  readonly key: string;
  readonly what: string;
  readonly invokedAt: number;
  /** Infinity: nobody ever answered. */
  readonly returnedAt: number;
  /** Done at `revision`; refused for good; or nobody can say from the answers. */
  readonly outcome: 'ok' | 'fail' | 'info';
  /** Of the last answer; empty for success. */
  readonly code: string;
  readonly revision: number;
  readonly attempts: number;
  /** The version that the client insisted on. */
  readonly expected?: { readonly id: string; readonly version: number };
}

export type ViewSeen =
  | { readonly kind: 'definitions' }
  | { readonly kind: 'decisions'; readonly context: Context };

/** Everything that one client saw of its watches, in order, over all its streams. */
export interface WatcherSeen {
  readonly client: string;
  readonly environment: string;
  readonly view: ViewSeen;
  readonly messages: readonly WatchSeen[];
  /** It was watching until the end, so it has to know the head. */
  readonly isLive: boolean;
}

export type WatchSeen = { readonly at: number; readonly replica: string } & (
  | {
      readonly kind: 'opened';
      /** The revision that its token is of; absent without a token. */
      readonly from?: number;
    }
  | {
      readonly kind: 'hello';
      readonly intent: 'full' | 'changes' | 'nothing';
      readonly reason: string;
      readonly target: number;
    }
  | { readonly kind: 'part'; readonly objects: readonly ObjectSeen[] }
  | {
      readonly kind: 'end';
      readonly revision: number;
      readonly count: number;
      /** Hexadecimal. */
      readonly stateHash: string;
    }
  | {
      readonly kind: 'delta';
      readonly from: number;
      readonly to: number;
      readonly cause: 'change' | 'schedule';
      readonly upserts: readonly ObjectSeen[];
      /** Ids. */
      readonly deletes: readonly string[];
    }
  | {
      readonly kind: 'bookmark';
      readonly revision: number;
      /** Hexadecimal. */
      readonly headHash: string;
      readonly stalenessMs: number;
      /** When the replica said it, at the earliest. Absent: not known. */
      readonly saidAt?: number;
    }
  | { readonly kind: 'goodbye'; readonly reason: string }
  /** The code of the error; empty if the client left by itself. */
  | { readonly kind: 'closed'; readonly code: string }
);

/** A flag, segment, release or decision, as far as it is compared. */
export interface ObjectSeen {
  /** Such as `flag checkout` or `decision checkout`. */
  readonly id: string;
  readonly version: number;
  /** A text that is the same exactly when the contents are. */
  readonly witness: string;
}

export interface EvaluationSeen {
  readonly replica: string;
  readonly environment: string;
  readonly context: Context;
  readonly flag: string;
  /** The revision that the caller insisted on, at the least; 0 for any. */
  readonly atLeast: number;
  readonly revision: number;
  readonly witness: string;
  /** Absent for an answer. */
  readonly code?: string;
}

/** A replica said that what it knows at `revision` is at most `stalenessMs` old, not before `saidAt`. */
export interface Claim {
  readonly replica: string;
  readonly saidAt: number;
  readonly revision: number;
  readonly stalenessMs: number;
}

export interface FaultSeen {
  readonly what: string;
  readonly from: number;
  readonly to: number;
}

export interface FinalSeen {
  readonly replica: string;
  readonly environment: string;
  readonly revision: number;
  /** Of the snapshot of the environment that it serves; hexadecimal. */
  readonly stateHash: string;
  /** When it was found at the head; Infinity if it never was. */
  readonly reachedAt: number;
}
