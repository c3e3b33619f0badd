import type { Revision } from '../core/model.ts';
import type { Clock } from '../ports/clock.ts';
import type { FleetRegistry, Member, ReplicaReport } from '../ports/fleet-registry.ts';
import type { Catalog } from './catalog.ts';
import { hasReached, mergedMembers, type Replica } from './fleet-members.ts';
import { ownReport, type Self } from './fleet-own-report.ts';
import { type FleetProgress, progressOf } from './fleet-progress.ts';
import { Reporter } from './fleet-reporter.ts';

export interface FleetParts {
  readonly catalog: Catalog;
  readonly clock: Clock;
  /** Says who is there. */
  readonly registry: FleetRegistry;
  /** Another way to hear of the same replicas: faster, and not to be relied on. */
  readonly signals?: FleetRegistry;
  readonly self: Self;
  readonly report: (problem: string, details: Readonly<Record<string, unknown>>) => void;
}

/** Everybody that is there, as far as is known, this replica included. */
export interface FleetView {
  /** By name. */
  readonly replicas: readonly Replica[];
  /** False: the registry could not be asked, so there may be others. */
  readonly membersKnown: boolean;
}

export interface FleetWait {
  readonly timeoutMs: number;
  /** Ends the wait. */
  readonly signal?: AbortSignal;
}

const HEARTBEAT_MS = 3_000;
const REGISTRY_GAP_MS = 250;
const SIGNALS_GAP_MS = 20;
/** How often a wait asks the registry. */
const ASK_MS = 250;
const GOODBYE_MS = 2_000;

/**
 * Makes known how far this replica is, and knows how far the others are. A replica that is there and does not report
 * counts as lagging until it has been silent for `LIVE_MS`. Create it before the catalog loads: who is about to serve
 * counts.
 */
export class Fleet implements AsyncDisposable {
  readonly #parts: FleetParts;
  readonly #reporters: readonly Reporter[];
  readonly #subscriptions: readonly Disposable[];
  readonly #bells = new Set<() => void>();
  #heartbeat: Disposable | undefined;
  #sequence = 0;
  /** Counts them, so that none is overslept. */
  #news = 0;
  #isDraining = false;

  constructor(parts: FleetParts) {
    this.#parts = parts;
    const { registry, signals, catalog } = parts;
    this.#reporters = [
      this.#reporter(registry, REGISTRY_GAP_MS),
      ...(signals === undefined ? [] : [this.#reporter(signals, SIGNALS_GAP_MS)]),
    ];
    const ring = () => this.#ring();
    this.#subscriptions = [
      catalog.subscribe(() => this.#changed()),
      ...[registry, signals].flatMap((each) => (each === undefined ? [] : [each.subscribe(ring)])),
    ];
    this.#beat();
  }

  /** Says from now on that this replica is about to go. */
  drain(): void {
    this.#isDraining = true;
    this.#changed();
  }

  async view(): Promise<FleetView> {
    const [members, heard] = await Promise.all([this.#members(), this.#heard()]);
    return {
      replicas: mergedMembers(this.#current(), members ?? [], heard),
      membersKnown: members !== undefined,
    };
  }

  /** Resolves when every replica has the revision, or when the time is over or the signal aborts. Never rejects. */
  async waitFor(project: string, revision: Revision, wait: FleetWait): Promise<FleetProgress> {
    const { clock } = this.#parts;
    const startedAt = clock.monotonic();
    const reachedAt = new Map<string, number>();
    using roll = this.#callRoll();
    for (;;) {
      const news = this.#news;
      const heard = await this.#heard();
      const { members } = roll;
      const replicas = mergedMembers(this.#current(), members ?? [], heard);
      const elapsedMs = Math.round(clock.monotonic() - startedAt);
      const missing = replicas.filter((replica) => !hasReached(replica, project, revision));
      for (const replica of replicas)
        if (!missing.includes(replica) && !reachedAt.has(replica.id)) reachedAt.set(replica.id, elapsedMs);
      const membersKnown = members !== undefined;
      const complete = membersKnown && missing.length === 0;
      if (complete || elapsedMs >= wait.timeoutMs || wait.signal?.aborted === true) {
        const progress = replicas.map((each) => progressOf(each, project, revision, reachedAt));
        return { complete, membersKnown, elapsedMs, replicas: progress };
      }
      if (news === this.#news) await this.#nextNews(wait.timeoutMs - elapsedMs, wait.signal);
    }
  }

  /** Takes this replica out of the fleet, as far as that can be made known within two seconds. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const subscription of this.#subscriptions) subscription[Symbol.dispose]();
    this.#heartbeat?.[Symbol.dispose]();
    const { promise: late, resolve } = Promise.withResolvers<void>();
    using _timer = this.#parts.clock.after(GOODBYE_MS, resolve);
    await Promise.race([late, this.#leave()]);
  }

  async #leave(): Promise<void> {
    const { registry, signals, self } = this.#parts;
    await Promise.all(this.#reporters.map((reporter) => reporter[Symbol.asyncDispose]()));
    // Whoever does not hear of it sees this replica grow silent.
    await Promise.allSettled([signals?.leave(self.id), registry.leave(self.id)]);
  }

  #reporter(registry: FleetRegistry, gapMs: number): Reporter {
    const { clock, report } = this.#parts;
    return new Reporter({
      ...{ registry, clock, gapMs },
      current: () => ({ ...this.#current(), sequence: ++this.#sequence }),
      failed: (error) => report('this replica could not report to the others', { error }),
    });
  }

  #beat(): void {
    for (const reporter of this.#reporters) reporter.poke();
    this.#heartbeat = this.#parts.clock.after(HEARTBEAT_MS, () => this.#beat());
  }

  #changed(): void {
    for (const reporter of this.#reporters) reporter.poke();
    this.#ring();
  }

  #current(): ReplicaReport {
    const { catalog, self } = this.#parts;
    return ownReport(catalog, { ...self, sequence: this.#sequence, draining: this.#isDraining });
  }

  async #members(): Promise<readonly Member[] | undefined> {
    return await this.#parts.registry.members().catch(() => undefined);
  }

  async #heard(): Promise<readonly Member[]> {
    return (await this.#parts.signals?.members().catch(() => [])) ?? [];
  }

  /** Asks the registry who is there, again and again until disposed. `members` is absent until it has answered. */
  #callRoll(): { readonly members: readonly Member[] | undefined } & Disposable {
    let members: readonly Member[] | undefined;
    let timer: Disposable | undefined;
    let isOpen = true;
    const ask = async () => {
      members = (await this.#members()) ?? members;
      this.#ring();
      if (isOpen) timer = this.#parts.clock.after(ASK_MS, () => void ask());
    };
    void ask();
    return {
      get members() {
        return members;
      },
      [Symbol.dispose]() {
        isOpen = false;
        timer?.[Symbol.dispose]();
      },
    };
  }

  #ring(): void {
    this.#news++;
    for (const ring of this.#bells) ring();
  }

  async #nextNews(withinMs: number, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const ring = () => resolve();
    this.#bells.add(ring);
    signal?.addEventListener('abort', ring);
    using _timer = this.#parts.clock.after(withinMs, ring);
    await promise;
    this.#bells.delete(ring);
    signal?.removeEventListener('abort', ring);
  }
}
