import type { Clock } from '../ports/clock.ts';
import { Alarm } from './alarm.ts';
import type { Catalog } from './catalog.ts';
import { SYSTEM } from './principal.ts';

const WOKEN_PER_TURN = 50;

/** One watcher's seat in the hub. */
export interface Seat extends Disposable {
  /** Resolves when something may have changed, at `untilMs` (epoch milliseconds), or when the watch is over. */
  wait(untilMs: number): Promise<void>;
  /** The watcher was handed a message and has to take it before long. */
  handed(): void;
  /** It took it. */
  took(): void;
}

interface Watcher {
  readonly project: string;
  readonly end: () => void;
  wake: (() => void) | undefined;
  /** Woken before it waited: does not wait again. */
  pending: boolean;
  handedAt: number;
}

export interface HubOptions {
  /** How long a watcher may leave a message lying before it is let go. */
  readonly slowMs: number;
}

/** Wakes the watchers of a project when it changes, all watchers when the service ends, and ends those that hang. */
export class WatchHub implements Disposable {
  readonly #clock: Clock;
  readonly #alarm: Alarm;
  readonly #slowMs: number;
  readonly #watchers = new Set<Watcher>();
  readonly #subscription: Disposable;
  readonly #due = new Set<Watcher>();
  #sweep: Disposable | undefined;

  constructor(catalog: Catalog, clock: Clock, options: HubOptions) {
    this.#clock = clock;
    this.#alarm = new Alarm(clock);
    this.#slowMs = options.slowMs;
    this.#subscription = catalog.subscribe(({ project }) => {
      for (const watcher of this.#watchers)
        if (watcher.project === project || project === SYSTEM) this.#wake(watcher);
    });
    this.#scheduleSweep();
  }

  /** Takes a watcher in. `end` is called at most once, if it leaves a message lying for too long. */
  join(project: string, end: () => void): Seat {
    const watcher: Watcher = {
      project,
      end,
      wake: undefined,
      pending: false,
      handedAt: Number.POSITIVE_INFINITY,
    };
    this.#watchers.add(watcher);
    return {
      wait: (untilMs) => this.#wait(watcher, untilMs),
      handed: () => {
        watcher.handedAt = this.#clock.monotonic();
      },
      took: () => {
        watcher.handedAt = Number.POSITIVE_INFINITY;
      },
      [Symbol.dispose]: () => {
        this.#watchers.delete(watcher);
        wakeUp(watcher);
      },
    };
  }

  /** Wakes a watcher soon: some of those that are due in each turn of the event loop, so that it never stands still. */
  #wake(watcher: Watcher): void {
    if (this.#due.size === 0) setImmediate(() => this.#wakeSome());
    this.#due.add(watcher);
  }

  #wakeSome(): void {
    let left = WOKEN_PER_TURN;
    for (const watcher of this.#due) {
      if (left-- === 0) break;
      this.#due.delete(watcher);
      wakeUp(watcher);
    }
    if (this.#due.size > 0) setImmediate(() => this.#wakeSome());
  }

  /** Makes every watcher look up: keys were changed, or the service is about to end. */
  wakeAll(): void {
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

  async #wait(watcher: Watcher, untilMs: number): Promise<void> {
    if (watcher.pending) {
      watcher.pending = false;
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    watcher.wake = resolve;
    const ring =
      untilMs === Number.POSITIVE_INFINITY ? undefined : this.#alarm.at(untilMs, () => this.#wake(watcher));
    await promise;
    ring?.[Symbol.dispose]();
    watcher.wake = undefined;
    watcher.pending = false;
  }

  #scheduleSweep(): void {
    this.#sweep = this.#clock.after(this.#slowMs / 4, () => {
      const now = this.#clock.monotonic();
      for (const watcher of this.#watchers) {
        if (now - watcher.handedAt < this.#slowMs) continue;
        this.#watchers.delete(watcher);
        watcher.end();
      }
      this.#scheduleSweep();
    });
  }
}

function wakeUp(watcher: Watcher): void {
  if (watcher.wake === undefined) watcher.pending = true;
  else watcher.wake();
}
