import type { Snapshot } from '../core/snapshot.ts';
import { snapshotAt } from './environment-access.ts';
import { type ResumePoint, readToken, shortHash, TokenWriter } from './resume-token.ts';
import type { Touched } from './touched.ts';
import { DecisionsView } from './watch-decisions.ts';
import { DefinitionsView, FilteredDefinitionsView } from './watch-definitions.ts';
import {
  type Content,
  type GoodbyeReason,
  isEmpty,
  type StartReason,
  type WatchEvent,
} from './watch-events.ts';
import { scopeOf, type WatchParts, type WatchRequest } from './watch-request.ts';
import { sizeOfContent } from './watch-size.ts';
import { stateHashOf } from './watch-state-hash.ts';
import type { View } from './watch-view.ts';
import { Waiter } from './watch-waiter.ts';

/** Well below what gRPC clients accept by default. */
const MAX_DELTA_BYTES = 1024 * 1024;

/** What is true at one moment. */
interface Moment {
  readonly snapshot: Snapshot;
  readonly hash: string;
  readonly ms: number;
}

/** A place in the log and in time. */
interface Point {
  readonly revision: number;
  readonly hash: string;
  readonly at: number;
}

/** What one watcher is told, in order: each message is worked out when it is asked for. */
export class WatchStream {
  readonly #parts: WatchParts;
  readonly #request: WatchRequest;
  readonly #scope: Buffer;
  readonly #view: View;
  readonly #startedAt: number;
  /** What the view was last brought to. */
  #seen: Point = { revision: 0, hash: '', at: 0 };
  /** Where the watcher knows it is; undefined before it has anything. */
  #told: Point | undefined;
  #saidAt: number;
  #ended: GoodbyeReason | undefined;
  /** What the watch begins with; it is told that in any case. */
  #start: Generator<WatchEvent, void> | undefined;
  /** The snapshot that is being sent because a change was too large. */
  #rest: Generator<WatchEvent, void> | undefined;

  constructor(parts: WatchParts, request: WatchRequest) {
    this.#parts = parts;
    this.#request = request;
    this.#scope = scopeOf(request);
    this.#view = viewOf(request);
    this.#startedAt = parts.clock.now();
    this.#saidAt = this.#startedAt;
  }

  /** Finds out where the watcher stands. What it is told about that comes from `next`. */
  async begin(hasLeft: () => boolean): Promise<void> {
    const { place, resumeToken } = this.#request;
    const point =
      resumeToken === ''
        ? undefined
        : readToken(this.#parts.catalog.genesis(place.project), this.#scope, resumeToken);
    if (point !== undefined && !(await this.#reached(point, hasLeft))) {
      this.#ended = 'behind';
      this.#told = pointOf(point);
      return;
    }
    const reason = await this.#startReason(point);
    const moment = this.#now();
    const { snapshot } = moment;
    const touched =
      point && reason === 'resumed' ? await this.#touched(point.revision, snapshot.revision) : undefined;
    this.#start =
      point !== undefined && touched !== undefined && this.#view.resume(snapshot, point.seenAt, touched)
        ? this.#changes(pointOf(point), moment, touched)
        : this.#full(moment, reason === 'resumed' ? 'unknown_past' : reason);
  }

  /**
   * The next thing to say; undefined if there is nothing to say before `wakeAt` unless something changes. A promise
   * only if the log has to be read for it.
   */
  next(): WatchEvent | undefined | Promise<WatchEvent | undefined> {
    const start = this.#start?.next();
    if (start !== undefined && !start.done) return start.value;
    this.#start = undefined;
    const goodbye = this.#goodbyeReason();
    if (goodbye !== undefined) return this.#goodbye(goodbye);
    const rest = this.#rest?.next();
    if (rest !== undefined && !rest.done) return rest.value;
    this.#rest = undefined;
    const moment = this.#now();
    const { snapshot, ms } = moment;
    if (snapshot.revision === this.#seen.revision && ms < this.#view.changesAt) return this.#whenDue(ms);
    const touched = this.#touched(this.#seen.revision, snapshot.revision);
    return touched instanceof Promise
      ? touched.then((known) => this.#step(moment, known))
      : this.#step(moment, touched);
  }

  #step(moment: Moment, touched: Touched | undefined): WatchEvent | undefined {
    const { snapshot, ms } = moment;
    if (touched === undefined) return this.#again(moment, 'unknown_past');
    const cause = snapshot.revision > this.#seen.revision ? 'change' : 'schedule';
    const content = this.#view.step(snapshot, ms, touched);
    this.#moveTo(moment);
    if (isEmpty(content)) return this.#whenDue(ms);
    if (sizeOfContent(content) > MAX_DELTA_BYTES) return this.#again(moment, 'large_change');
    const from = this.#told?.revision ?? 0;
    this.#told = this.#seen;
    this.#saidAt = ms;
    return sharedDelta({
      kind: 'delta',
      from,
      to: snapshot.revision,
      cause,
      content,
      token: this.#token(this.#seen),
    });
  }

  /** Everything from the beginning, on the same stream. */
  #again(moment: Moment, reason: StartReason): WatchEvent | undefined {
    this.#rest = this.#full(moment, reason);
    const first = this.#rest.next();
    return first.done ? undefined : first.value;
  }

  #whenDue(ms: number): WatchEvent | undefined {
    return ms >= this.#saidAt + this.#parts.options.heartbeatMs ? this.#bookmark(ms) : undefined;
  }

  wakeAt(): number {
    const { heartbeatMs, maxAgeMs } = this.#parts.options;
    const maxAgeAt = maxAgeMs > 0 ? this.#startedAt + maxAgeMs : Number.POSITIVE_INFINITY;
    return Math.min(
      this.#saidAt + heartbeatMs,
      this.#view.changesAt,
      this.#request.principal.expiresAt,
      maxAgeAt,
    );
  }

  *#full(moment: Moment, reason: StartReason): Generator<WatchEvent, void> {
    const { snapshot } = moment;
    const { parts, lines } = this.#view.full(snapshot, moment.ms);
    this.#moveTo(moment);
    yield this.#hello('full', reason, snapshot.revision);
    for (const content of parts) yield { kind: 'part', content };
    this.#told = this.#seen;
    this.#saidAt = moment.ms;
    const stateHash = stateHashOf(lines);
    const token = this.#token(this.#seen);
    yield { kind: 'end', revision: snapshot.revision, count: lines.length, stateHash, token };
  }

  *#changes(point: Point, moment: Moment, touched: Touched): Generator<WatchEvent, void> {
    const { snapshot } = moment;
    const from = point.revision;
    this.#told = point;
    const content = this.#view.step(snapshot, moment.ms, touched);
    this.#moveTo(moment);
    if (isEmpty(content) && snapshot.revision === from) {
      yield this.#hello('nothing', 'resumed', snapshot.revision);
      return;
    }
    if (sizeOfContent(content) > MAX_DELTA_BYTES) {
      yield* this.#full(moment, 'large_change');
      return;
    }
    yield this.#hello('changes', 'resumed', snapshot.revision);
    this.#told = this.#seen;
    const cause = snapshot.revision > from ? 'change' : 'schedule';
    yield { kind: 'delta', from, to: snapshot.revision, cause, content, token: this.#token(this.#seen) };
  }

  /** Waits until the log is as far as the watcher has seen it elsewhere. */
  async #reached(point: ResumePoint, hasLeft: () => boolean): Promise<boolean> {
    const { catalog, clock, options } = this.#parts;
    const { project } = this.#request.place;
    const deadline = clock.monotonic() + options.behindMs;
    using waiter = new Waiter(this.#parts.hub, project);
    while (catalog.state(project).revision < point.revision) {
      const state = await catalog.catchUp(project).catch(() => undefined);
      if (state !== undefined && state.revision >= point.revision) return true;
      if (hasLeft() || this.#parts.ending.aborted || clock.monotonic() >= deadline) return false;
      await waiter.wait(clock.now() + Math.min(500, options.behindMs));
    }
    return true;
  }

  async #startReason(point: ResumePoint | undefined): Promise<StartReason> {
    if (point === undefined) return 'no_token';
    const { catalog, options } = this.#parts;
    const { project } = this.#request.place;
    if (catalog.state(project).revision - point.revision > options.maxResumeGap) return 'compacted';
    const hash = await catalog.hashAt(project, point.revision);
    return hash !== undefined && shortHash(hash) === point.hash ? 'resumed' : 'history_rewritten';
  }

  #touched(after: number, upTo: number): Touched | undefined | Promise<Touched | undefined> {
    const { project, environment } = this.#request.place;
    return this.#parts.catalog.touched(project, environment, after, upTo);
  }

  #goodbyeReason(): GoodbyeReason | undefined {
    const { access, catalog, clock, ending, options } = this.#parts;
    const { principal, place } = this.#request;
    if (this.#ended !== undefined) return this.#ended;
    if (!access.isValid(principal)) return 'key_revoked';
    if (catalog.snapshot(place.project, place.environment) === undefined) return 'environment_gone';
    if (ending.aborted) return 'shutdown';
    return options.maxAgeMs > 0 && clock.now() >= this.#startedAt + options.maxAgeMs ? 'max_age' : undefined;
  }

  #goodbye(reason: GoodbyeReason): WatchEvent {
    const retryAfterMs = reason === 'key_revoked' || reason === 'environment_gone' ? 0 : spread();
    // What was seen here since, or is on its way in parts, the watcher does not have.
    const token = this.#told === undefined ? '' : this.#token(this.#told);
    return { kind: 'goodbye', reason, retryAfterMs, token };
  }

  #bookmark(now: number): WatchEvent {
    this.#told = this.#seen;
    this.#saidAt = now;
    return {
      kind: 'bookmark',
      revision: this.#seen.revision,
      headHash: this.#seen.hash,
      stalenessMs: this.#parts.catalog.stalenessMs(this.#request.place.project),
      now,
      token: this.#token(this.#seen),
    };
  }

  #hello(intent: 'full' | 'changes' | 'nothing', reason: StartReason, targetRevision: number): WatchEvent {
    return { kind: 'hello', intent, reason, targetRevision, heartbeatMs: this.#parts.options.heartbeatMs };
  }

  #now(): Moment {
    const { catalog, hub } = this.#parts;
    const { place } = this.#request;
    const ms = Math.max(hub.nowMs(), this.#seen.at);
    return { snapshot: snapshotAt(catalog, place), hash: catalog.state(place.project).hash, ms };
  }

  #moveTo({ snapshot, hash, ms }: Moment): void {
    this.#seen = { revision: snapshot.revision, hash, at: ms };
  }

  #token({ revision, hash, at }: Point): string {
    const genesis = this.#parts.catalog.genesis(this.#request.place.project);
    return tokens.write(genesis, this.#scope, { revision, seenAt: at, hash: shortHash(hash) });
  }
}

const tokens = new TokenWriter();

type Delta = Extract<WatchEvent, { kind: 'delta' }>;

const deltas = new WeakMap<Content, Delta>();

/** The same object for all who are told the same, so that it can be written once. */
function sharedDelta(delta: Delta): Delta {
  const known = deltas.get(delta.content);
  if (known !== undefined && isSameDelta(known, delta)) return known;
  deltas.set(delta.content, delta);
  return delta;
}

function isSameDelta(a: Delta, b: Delta): boolean {
  return a.from === b.from && a.to === b.to && a.cause === b.cause && a.token === b.token;
}

function pointOf({ revision, hash, seenAt }: ResumePoint): Point {
  return { revision, hash, at: seenAt };
}

function viewOf({ view, flagKeys, principal }: WatchRequest): View {
  if (view.kind === 'definitions')
    return flagKeys === undefined ? new DefinitionsView() : new FilteredDefinitionsView(flagKeys);
  const clientVisibleOnly = principal.kind === 'web';
  return new DecisionsView(
    view.context,
    flagKeys === undefined ? { clientVisibleOnly } : { clientVisibleOnly, flagKeys },
  );
}

/** Up to two seconds: so that those who are sent away together do not come back together. */
function spread(): number {
  return Math.floor(Math.random() * 2_000);
}
