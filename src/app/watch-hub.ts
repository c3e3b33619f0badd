import type { Clock } from '../ports/clock.ts';
import { Alarm } from './alarm.ts';
import type { Catalog } from './catalog.ts';
import { SYSTEM } from './principal.ts';
import { Turns, type TurnsOptions } from './turns.ts';

const WOKEN_PER_TURN = 256;

/** Who sits in a seat. Neither may throw. */
export interface Sitter {
  /** Something may have changed, its time has come, or the service ends. */
  wake(): void;
  /** It left a message lying for too long. Called at most once, and nothing after it. */
  end(): void;
}

/** One watcher's seat in the hub. */
export interface Seat extends Disposable {
  /** Has the watcher woken at that time (epoch milliseconds) or earlier; an earlier time that was asked for stays. */
  wakeAt(untilMs: number): void;
  /** The watcher was handed a message and has to take it before long. */
  handed(): void;
  /** It took it. */
  took(): void;
}

interface Watcher {
  readonly project: string;
  readonly sitter: Sitter;
  handedAt: number;
  ring: Disposable | undefined;
  ringsAt: number;
  isDue: boolean;
  hasLeft: boolean;
}

export interface HubOptions {
  /** How long a watcher may leave a message lying before it is let go. */
  readonly slowMs: number;
  /** From 0 up to 1. Default: `Math.random`. */
  readonly random?: () => number;
}

/** How many watchers get everything at a time; one that does not take it counts for so long only. */
const SNAPSHOTS: TurnsOptions = { limit: 64, holdMs: 2_000 };

/** Those who are sent away come back at about a thousand in a second, within ten seconds. */
const LEAST_SPREAD_MS = 500;
const MOST_SPREAD_MS = 10_000;

/** Wakes the watchers of a project when it changes, all watchers when the service ends, and ends those that hang. */
export class WatchHub implements Disposable {
  readonly #clock: Clock;
  readonly #alarm: Alarm;
  readonly #random: () => number;
  /** Whose turn it is to be sent everything. */
  readonly snapshots: Turns;
  readonly #slowMs: number;
  readonly #watchers = new Set<Watcher>();
  readonly #subscription: Disposable;
  /** In the order in which they are woken, from `#woken` on. */
  #due: Watcher[] = [];
  #woken = 0;
  #sweep: Disposable | undefined;
  #waveMs: number | undefined;

  constructor(catalog: Catalog, clock: Clock, options: HubOptions) {
    this.#clock = clock;
    this.#alarm = new Alarm(clock);
    this.#random = options.random ?? Math.random;
    this.snapshots = new Turns(clock, SNAPSHOTS);
    this.#slowMs = options.slowMs;
    this.#subscription = catalog.subscribe(({ project }) => {
      for (const watcher of this.#watchers)
        if (watcher.project === project || project === SYSTEM) this.#wake(watcher);
    });
    this.#scheduleSweep();
  }

  /** Takes a watcher in, until the seat is disposed. */
  join(project: string, sitter: Sitter): Seat {
    const watcher: Watcher = {
      project,
      sitter,
      handedAt: Number.POSITIVE_INFINITY,
      ring: undefined,
      ringsAt: Number.POSITIVE_INFINITY,
      isDue: false,
      hasLeft: false,
    };
    this.#watchers.add(watcher);
    return {
      wakeAt: (untilMs) => this.#ringAt(watcher, untilMs),
      handed: () => {
        watcher.handedAt = this.#clock.monotonic();
      },
      took: () => {
        watcher.handedAt = Number.POSITIVE_INFINITY;
      },
      [Symbol.dispose]: () => this.#leave(watcher),
    };
  }

  /** What watchers take for now (epoch milliseconds): one instant for all that are woken together, so that they are told the same. */
  nowMs(): number {
    return this.#waveMs ?? this.#clock.now();
  }

  /** Wakes a watcher soon: some of those that are due in each turn of the event loop, so that it never stands still. */
  #wake(watcher: Watcher): void {
    if (watcher.isDue || watcher.hasLeft) return;
    watcher.isDue = true;
    if (this.#due.push(watcher) === 1) setImmediate(() => this.#wakeSome(this.#clock.now()));
  }

  #wakeSome(waveMs: number): void {
    const end = Math.min(this.#woken + WOKEN_PER_TURN, this.#due.length);
    this.#waveMs = waveMs;
    while (this.#woken < end) {
      const watcher = this.#due[this.#woken++];
      if (watcher === undefined || watcher.hasLeft) continue;
      watcher.isDue = false;
      watcher.sitter.wake();
    }
    this.#waveMs = undefined;
    if (this.#woken < this.#due.length) setImmediate(() => this.#wakeSome(waveMs));
    else {
      this.#due = [];
      this.#woken = 0;
    }
  }

  /** After how long one who is sent away now should come back: not all at once. */
  spreadMs(): number {
    const within = Math.min(LEAST_SPREAD_MS + this.#watchers.size, MOST_SPREAD_MS);
    return Math.floor(within * this.#random());
  }

  /** How long a watch lasts that may last about so long, 0 being for ever: a fifth less or more. */
  ageOf(maxAgeMs: number): number {
    return maxAgeMs === 0 ? Number.POSITIVE_INFINITY : maxAgeMs * (0.8 + 0.4 * this.#random());
  }

  /** Makes every watcher look up, for the service is about to end. */
  wakeAll(): void {
    this.snapshots.open();
    for (const watcher of this.#watchers) this.#wake(watcher);
  }

  get size(): number {
    return this.#watchers.size;
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
    this.#sweep?.[Symbol.dispose]();
    this.#alarm[Symbol.dispose]();
    this.wakeAll();
  }

  #leave(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    watcher.hasLeft = true;
    watcher.ring?.[Symbol.dispose]();
    watcher.ring = undefined;
  }

  #ringAt(watcher: Watcher, untilMs: number): void {
    if (untilMs >= watcher.ringsAt || watcher.hasLeft) return;
    watcher.ring?.[Symbol.dispose]();
    watcher.ringsAt = untilMs;
    watcher.ring = this.#alarm.at(untilMs, () => {
      watcher.ringsAt = Number.POSITIVE_INFINITY;
      this.#wake(watcher);
    });
  }

  #scheduleSweep(): void {
    this.#sweep = this.#clock.after(this.#slowMs / 4, () => {
      const now = this.#clock.monotonic();
      for (const watcher of this.#watchers) {
        if (now - watcher.handedAt < this.#slowMs) continue;
        this.#leave(watcher);
        watcher.sitter.end();
      }
      this.#scheduleSweep();
    });
  }
}
