/** How a revision reached watchers, on the clock that processes share. */
export interface Arrival {
  readonly revision: number;
  readonly watchers: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

interface Reach {
  watchers: number;
  firstMs: number;
  lastMs: number;
}

interface Wait {
  readonly replica: number;
  readonly revision: number;
  readonly done: (lastMs: number) => void;
}

/** Which watchers of which replica have been told of which revision, and when. */
export class Arrivals {
  /** How many watchers each replica has. */
  readonly #watchers: readonly number[];
  readonly #reached: readonly Map<number, Reach>[];
  readonly #waits = new Set<Wait>();

  constructor(watchers: readonly number[]) {
    this.#watchers = watchers;
    this.#reached = watchers.map(() => new Map());
  }

  /** A watcher of that replica has got from one revision to another. */
  moved(replica: number, from: number, to: number, atMs: number): void {
    for (let revision = from + 1; revision <= to; revision++) {
      const reach = this.#reached[replica]?.get(revision) ?? { watchers: 0, firstMs: atMs, lastMs: atMs };
      this.#reached[replica]?.set(revision, reach);
      reach.watchers++;
      reach.lastMs = atMs;
    }
    for (const wait of this.#waits) this.#end(wait);
  }

  /** Resolves to when the last watcher of that replica was told of a revision. */
  last(replica: number, revision: number): Promise<number> {
    return new Promise((done) => {
      const wait = { replica, revision, done };
      this.#waits.add(wait);
      this.#end(wait);
    });
  }

  /** Of all replicas together. */
  all(): Arrival[] {
    const all = new Map<number, Reach>();
    for (const [revision, reach] of this.#reached.flatMap((each) => [...each])) {
      const known = all.get(revision);
      all.set(revision, known === undefined ? reach : together(known, reach));
    }
    return [...all].map(([revision, reach]) => ({ revision, ...reach }));
  }

  #end(wait: Wait): void {
    const reach = this.#reached[wait.replica]?.get(wait.revision);
    if (reach === undefined || reach.watchers < (this.#watchers[wait.replica] ?? 0)) return;
    this.#waits.delete(wait);
    wait.done(reach.lastMs);
  }
}

function together(a: Reach, b: Reach): Reach {
  return {
    watchers: a.watchers + b.watchers,
    firstMs: Math.min(a.firstMs, b.firstMs),
    lastMs: Math.max(a.lastMs, b.lastMs),
  };
}
