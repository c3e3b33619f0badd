import { canonicalJson } from '../core/canonical-json.ts';
import type { Context } from '../core/context.ts';
import type { Clock } from '../ports/clock.ts';
import type { Access } from './access.ts';
import type { Catalog } from './catalog.ts';
import type { Place } from './environment-access.ts';
import type { Recorder } from './exposures/recorder.ts';
import type { Principal } from './principal.ts';
import { scopeDigest, shortHash, writeToken } from './resume-token.ts';
import type { WatchHub } from './watch-hub.ts';

export interface WatchRequest {
  readonly principal: Principal;
  readonly place: Place;
  readonly view: { readonly kind: 'definitions' } | { readonly kind: 'decisions'; readonly context: Context };
  /** Absent: every flag. */
  readonly flagKeys: readonly string[] | undefined;
  /** Empty: from the beginning. */
  readonly resumeToken: string;
  /** `name/version` of the program that watches; empty if it does not say. */
  readonly client?: string;
  /** Ends the call without a word: for a watcher that does not read. */
  readonly terminate: () => void;
}

export interface WatchParts {
  readonly catalog: Catalog;
  readonly access: Access;
  readonly clock: Clock;
  readonly hub: WatchHub;
  /** Absent: nothing is recorded. */
  readonly recorder?: Recorder | undefined;
  /** Aborted when the service is about to end. */
  readonly ending: AbortSignal;
  readonly options: WatchOptions;
}

export interface WatchOptions {
  readonly heartbeatMs: number;
  /** How long a stream may last; 0 for as long as it likes. */
  readonly maxAgeMs: number;
  /** A token that is further back than this many revisions gets a snapshot. */
  readonly maxResumeGap: number;
  /** How long to wait for the log when a token is ahead of it. */
  readonly behindMs: number;
}

export const DEFAULT_WATCH_OPTIONS: WatchOptions = {
  heartbeatMs: 15_000,
  maxAgeMs: 0,
  maxResumeGap: 5_000,
  behindMs: 10_000,
};

/** What a resume token of such a watch is bound to. */
export function scopeOf(request: Pick<WatchRequest, 'place' | 'view' | 'flagKeys' | 'principal'>): Buffer {
  const { place, view, flagKeys, principal } = request;
  const context = view.kind === 'decisions' ? canonicalJson({ ...view.context }) : '';
  const audience = principal.kind === 'web' ? 'web' : 'server';
  return scopeDigest([
    place.environment,
    view.kind,
    context,
    audience,
    JSON.stringify([...(flagKeys ?? ['*'])].sort()),
  ]);
}

/** A token for a watch that starts from decisions that were answered elsewhere: Handshake's. */
export function tokenFor(
  catalog: Catalog,
  request: Pick<WatchRequest, 'place' | 'view' | 'flagKeys' | 'principal'>,
  at: { readonly revision: number; readonly hash: string; readonly seenAt: number },
): string {
  const genesis = catalog.genesis(request.place.project);
  return writeToken(genesis, scopeOf(request), { ...at, hash: shortHash(at.hash) });
}
