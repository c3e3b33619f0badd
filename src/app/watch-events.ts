import type { CompiledFlag } from '../core/compile-flag.ts';
import type { CompiledSegment } from '../core/compile-segment.ts';
import type { Outcome } from '../core/outcome.ts';
import type { CompiledRelease } from '../core/snapshot.ts';

/** What a watcher is told, in the order in which it is told. */
export type WatchEvent =
  | {
      readonly kind: 'hello';
      readonly intent: 'full' | 'changes' | 'nothing';
      readonly reason: StartReason;
      readonly targetRevision: number;
      readonly heartbeatMs: number;
    }
  | { readonly kind: 'part'; readonly content: Content }
  | {
      readonly kind: 'end';
      readonly revision: number;
      readonly count: number;
      readonly stateHash: Uint8Array;
      readonly token: string;
    }
  | {
      readonly kind: 'delta';
      readonly from: number;
      readonly to: number;
      readonly cause: 'change' | 'schedule';
      readonly content: Content;
      readonly token: string;
    }
  | {
      readonly kind: 'bookmark';
      readonly revision: number;
      readonly headHash: string;
      readonly stalenessMs: number;
      readonly now: number;
      readonly token: string;
    }
  | {
      readonly kind: 'goodbye';
      readonly reason: GoodbyeReason;
      readonly retryAfterMs: number;
      readonly token: string;
    };

export type StartReason =
  | 'no_token'
  | 'resumed'
  | 'history_rewritten'
  | 'compacted'
  | 'unknown_past'
  | 'large_change';
export type GoodbyeReason = 'shutdown' | 'max_age' | 'behind' | 'key_revoked' | 'environment_gone';

/** Objects as they are now, and the keys of those that are no more. Shared among watchers: never changed. */
export interface Content {
  readonly flags: readonly CompiledFlag[];
  readonly segments: readonly CompiledSegment[];
  readonly releases: readonly CompiledRelease[];
  readonly decisions: readonly Outcome[];
  readonly deletedFlags: readonly string[];
  readonly deletedSegments: readonly string[];
  readonly deletedReleases: readonly string[];
}

export const NO_CONTENT: Content = Object.freeze({
  flags: [],
  segments: [],
  releases: [],
  decisions: [],
  deletedFlags: [],
  deletedSegments: [],
  deletedReleases: [],
});

export function isEmpty(content: Content): boolean {
  const { flags, segments, releases, decisions, deletedFlags, deletedSegments, deletedReleases } = content;
  const upserts = flags.length + segments.length + releases.length + decisions.length;
  return upserts + deletedFlags.length + deletedSegments.length + deletedReleases.length === 0;
}
