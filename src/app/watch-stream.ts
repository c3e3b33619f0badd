import type { Snapshot } from '../core/snapshot.ts';
import { snapshotAt } from './environment-access.ts';
import { type ResumePoint, readToken, shortHash, writeToken } from './resume-token.ts';
import { type Delta, type Point, rememberStep, type Stand, stepTaken } from './shared-steps.ts';
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
import { startReason } from './watch-start.ts';
import { stateHashOf } from './watch-state-hash.ts';
import type { View } from './watch-view.ts';

/** Well below what gRPC clients accept by default. */
const MAX_DELTA_BYTES = 1024 * 1024;

/** What is true at one moment. */
interface Moment {
  readonly snapshot: Snapshot;
  readonly hash: string;
  readonly ms: number;
}

/** What one watcher is told, in order: each message is worked out when it is asked for. */
export class WatchStream implements Disposable {
  readonly #parts: WatchParts;
  readonly #request: WatchRequest;
  readonly #scope: Buffer;
  readonly #scopeName: string;
  readonly #view: View;
  /** When it has lasted as long as it may. */
  readonly #oldAt: number;
  /** What the view was last brought to. */
  #seen: Point = { revision: 0, hash: '', at: 0 };
  /** Where the watcher knows it is; undefined before it has anything. */
  #told: Point | undefined;
  #saidAt: number;
  #ended: GoodbyeReason | undefined;
  /** Which of the histories that this replica had one after the other the watcher is told. */
  #epoch = 0;
  #turn: Disposable | undefined;
  #isOver = false;
  /** What the watch begins with; it is told that in any case. */
  #start: Generator<WatchEvent, void> | undefined;
  /** The snapshot that is being sent because a change was too large. */
  #rest: Generator<WatchEvent, void> | undefined;

  constructor(parts: WatchParts, request: WatchRequest) {
    this.#parts = parts;
    this.#request = request;
    this.#scope = scopeOf(request);
    this.#scopeName = this.#scope.toString('latin1');
    this.#view = viewOf(request);
    this.#saidAt = parts.clock.now();
    this.#oldAt = this.#saidAt + parts.hub.ageOf(parts.options.maxAgeMs);
  }

  /** Finds out where the watcher stands. What it is told about that comes from `next`. */
  async begin(hasLeft: () => boolean): Promise<void> {
    const { place, resumeToken } = this.#request;
    const { catalog } = this.#parts;
    const { project } = place;
    const point =
      resumeToken === '' ? undefined : readToken(catalog.genesis(project), this.#scope, resumeToken);
    const reason = point === undefined ? 'no_token' : await startReason(this.#parts, project, point, hasLeft);
    if (point !== undefined && reason === 'behind') {
      this.#ended = 'behind';
      this.#told = pointOf(point);
      return;
    }
    this.#epoch = catalog.epoch(project);
    const moment = this.#now();
    const { snapshot } = moment;
    const touched =
      point && reason === 'resumed' ? await this.#touched(point.revision, snapshot.revision) : undefined;
    this.#start =
      point !== undefined && touched !== undefined && this.#view.resume(snapshot, point.seenAt, touched)
        ? this.#changes(pointOf(point), moment, touched)
        : await this.#admitted(reason === 'resumed' || reason === 'behind' ? 'unknown_past' : reason);
  }

  /** Everything, once it is this watcher's turn: there are never many who get that at a time. */
  async #admitted(reason: StartReason): Promise<Generator<WatchEvent, void> | undefined> {
    this.#turn = await this.#parts.hub.snapshots.take();
    if (this.#isOver) this.#turn[Symbol.dispose]();
    return this.#isOver || this.#goodbyeReason() !== undefined ? undefined : this.#full(this.#now(), reason);
  }

  /** Lets somebody else have everything, though this one has not got it all. */
  yieldTurn(): void {
    this.#turn?.[Symbol.dispose]();
  }

  /** The watch is over. */
  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#turn?.[Symbol.dispose]();
  }

  /**
   * The next thing to say; undefined if there is nothing to say before `wakeAt` unless something changes. A promise
   * only if the log has to be read for it.
   */
  next(): WatchEvent | undefined | Promise<WatchEvent | undefined> {
    const start = this.#start?.next();
    if (start !== undefined && !start.done) {
      if (start.value.kind === 'end') this.#turn?.[Symbol.dispose]();
      return start.value;
    }
    this.#start = undefined;
    const goodbye = this.#goodbyeReason();
    if (goodbye !== undefined) return this.#goodbye(goodbye);
    const rest = this.#rest?.next();
    if (rest !== undefined && !rest.done) return rest.value;
    this.#rest = undefined;
    const moment = this.#now();
    const { snapshot, ms } = moment;
    if (this.#isReadAnew()) return this.#again(moment, 'history_rewritten');
    if (snapshot.revision === this.#seen.revision && ms < this.#view.changesAt) return this.#whenDue(ms);
    return this.#shared(moment) ?? this.#own(moment);
  }

  /** The step that another watcher took from here just now. */
  #shared({ snapshot, ms }: Moment): WatchEvent | undefined {
    if (!(this.#view instanceof DefinitionsView)) return undefined;
    const step = stepTaken(snapshot, ms, this.#stand());
    if (step === undefined) return undefined;
    this.#view.changesAt = step.changesAt;
    this.#seen = step.seen;
    this.#told = step.seen;
    this.#saidAt = ms;
    return step.delta;
  }

  #stand(): Stand {
    return {
      scope: this.#scopeName,
      seenRevision: this.#seen.revision,
      toldRevision: this.#told?.revision ?? 0,
      changesAt: this.#view.changesAt,
    };
  }

  #own(moment: Moment): WatchEvent | undefined | Promise<WatchEvent | undefined> {
    const touched = this.#touched(this.#seen.revision, moment.snapshot.revision);
    return touched instanceof Promise
      ? touched.then((known) => this.#step(moment, known))
      : this.#step(moment, touched);
  }

  #step(moment: Moment, touched: Touched | undefined): WatchEvent | undefined {
    const { snapshot, ms } = moment;
    if (touched === undefined) return this.#again(moment, 'unknown_past');
    const stand = this.#stand();
    const cause = snapshot.revision > this.#seen.revision ? 'change' : 'schedule';
    const content = this.#view.step(snapshot, ms, touched);
    this.#moveTo(moment);
    if (isEmpty(content)) return this.#whenDue(ms);
    if (sizeOfContent(content) > MAX_DELTA_BYTES) return this.#again(moment, 'large_change');
    const seen = this.#seen;
    this.#told = seen;
    this.#saidAt = ms;
    this.#record(snapshot, content);
    const delta: Delta = {
      ...{ kind: 'delta', from: stand.toldRevision, to: snapshot.revision, cause, content },
      token: this.#token(seen),
    };
    if (this.#view instanceof DefinitionsView)
      rememberStep(snapshot, { stand, ms, seen, changesAt: this.#view.changesAt, delta });
    return delta;
  }

  /** Everything from the beginning, on the same stream. */
  #again(moment: Moment, reason: StartReason): WatchEvent | undefined {
    this.#rest = this.#full(moment, reason);
    const first = this.#rest.next();
    return first.done ? undefined : first.value;
  }

  /** Whether this replica has another history than when it last told the watcher something. */
  #isReadAnew(): boolean {
    const epoch = this.#parts.catalog.epoch(this.#request.place.project);
    const isReadAnew = epoch !== this.#epoch;
    this.#epoch = epoch;
    return isReadAnew;
  }

  #whenDue(ms: number): WatchEvent | undefined {
    return ms >= this.#saidAt + this.#parts.options.heartbeatMs ? this.#bookmark(ms) : undefined;
  }

  wakeAt(): number {
    const { heartbeatMs } = this.#parts.options;
    return Math.min(
      this.#saidAt + heartbeatMs,
      this.#view.changesAt,
      this.#request.principal.expiresAt,
      this.#oldAt,
    );
  }

  *#full(moment: Moment, reason: StartReason): Generator<WatchEvent, void> {
    const { snapshot } = moment;
    const { parts, lines } = this.#view.full(snapshot, moment.ms);
    this.#moveTo(moment);
    yield this.#hello('full', reason, snapshot.revision);
    for (const content of parts) {
      this.#record(snapshot, content);
      yield { kind: 'part', content };
    }
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
    this.#record(snapshot, content);
    yield { kind: 'delta', from, to: snapshot.revision, cause, content, token: this.#token(this.#seen) };
  }

  #record(snapshot: Snapshot, { decisions }: Content): void {
    const { view, client } = this.#request;
    if (view.kind === 'decisions')
      this.#parts.recorder?.many('watch', snapshot, decisions, view.context, this.#parts.clock.now(), client);
  }

  #touched(after: number, upTo: number): Touched | undefined | Promise<Touched | undefined> {
    const { project, environment } = this.#request.place;
    return this.#parts.catalog.touched(project, environment, after, upTo);
  }

  #goodbyeReason(): GoodbyeReason | undefined {
    const { access, catalog, clock, ending } = this.#parts;
    const { principal, place } = this.#request;
    if (this.#ended !== undefined) return this.#ended;
    if (!access.isValid(principal)) return 'key_revoked';
    if (catalog.snapshot(place.project, place.environment) === undefined) return 'environment_gone';
    if (ending.aborted) return 'shutdown';
    return clock.now() >= this.#oldAt ? 'max_age' : undefined;
  }

  #goodbye(reason: GoodbyeReason): WatchEvent {
    const isFinal = reason === 'key_revoked' || reason === 'environment_gone';
    const retryAfterMs = isFinal ? 0 : this.#parts.hub.spreadMs();
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
    return writeToken(genesis, this.#scope, { revision, seenAt: at, hash: shortHash(hash) });
  }
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
