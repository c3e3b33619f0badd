import { Access } from '../../../src/app/access.ts';
import { Catalog } from '../../../src/app/catalog.ts';
import { Projector } from '../../../src/app/projector.ts';
import { Schedules } from '../../../src/app/schedules.ts';
import { WatchHub } from '../../../src/app/watch-hub.ts';
import { DEFAULT_WATCH_OPTIONS, type WatchParts } from '../../../src/app/watch-request.ts';
import { Writer } from '../../../src/app/writer.ts';
import { DEFAULT_LIMITS } from '../../../src/core/limits.ts';
import type { ChangeLog } from '../../../src/ports/change-log.ts';
import type { Projection } from '../../../src/ports/projection.ts';
import type { Random } from '../../attacks/random.ts';
import type { BusEnd, LossyBus } from './lossy-bus.ts';
import { type Reach, steadyReach, unsteadyLog, untilDead } from './unsteady-log.ts';
import type { VirtualTime } from './virtual-time.ts';

/** What outlives a replica, and what it lives in. */
export interface SimWorld {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly log: ChangeLog;
  readonly bus: LossyBus;
}

/** A replica while it lives. */
export interface SimLife {
  readonly catalog: Catalog;
  readonly writer: Writer;
  readonly watch: WatchParts;
  /** Resolves when it is killed. */
  readonly killed: Promise<void>;
}

const RETRY_MS = 200;

/** The real catalog, writer, schedules and watches of one replica, between a network and a clock that are not real. */
export class SimReplica {
  readonly name: string;
  readonly #world: SimWorld;
  /** On its own disk, so that it outlives it. */
  readonly #projection: Projection;
  #life: SimLife | undefined;
  #ending = new AbortController();
  #killed = Promise.withResolvers<void>();
  #reach: Reach = steadyReach();
  #end: BusEnd | undefined;
  #generation = 0;

  constructor(name: string, world: SimWorld, projection: Projection) {
    this.name = name;
    this.#world = world;
    this.#projection = projection;
  }

  /** Undefined while it is dead, or has not started yet. */
  get life(): SimLife | undefined {
    return this.#life;
  }

  get reach(): Reach {
    return this.#reach;
  }

  get end(): BusEnd | undefined {
    return this.#end;
  }

  /** Starts it, as soon as it can reach the log. */
  async start(): Promise<void> {
    const generation = ++this.#generation;
    while (this.#generation === generation && !(await this.#tryToStart()))
      await this.#world.time.sleep(RETRY_MS);
  }

  /** Tells its watchers goodbye, as a process does that is stopped; `kill` it afterwards. */
  sayGoodbye(): void {
    this.#ending.abort();
    this.#life?.watch.hub.wakeAll();
  }

  /** As `kill -9` does: what is on its way may arrive or not, and nothing happens afterwards. */
  kill(): void {
    this.#generation++;
    this.#reach.dead = true;
    this.#end?.kill();
    this.#killed.resolve();
    this.#life = undefined;
    this.#end = undefined;
  }

  async #tryToStart(): Promise<boolean> {
    const { time, random, bus, log: truth } = this.#world;
    const reach = steadyReach();
    const end = bus.open();
    this.#killed = Promise.withResolvers();
    const killed = this.#killed.promise;
    this.#reach = reach;
    this.#end = end;
    const clock = time.clock(() => !reach.dead);
    const log = unsteadyLog(truth, reach, time, random);
    const projection = untilDead(this.#projection, reach);
    const report = () => undefined;
    const fraction = () => random.whole(1_000) / 1_000;
    const catalog = new Catalog({ log, bus: end.bus, projection, clock, report, random: fraction });
    const starting = catalog.start().then(
      () => true,
      () => false,
    );
    const started = await Promise.race([starting, killed.then(() => false)]);
    if (!started || reach.dead) {
      end.kill();
      return reach.dead;
    }
    const writer = new Writer({ log, bus: end.bus, catalog, clock, limits: DEFAULT_LIMITS });
    const access = new Access(catalog, clock, 'pepper');
    const hub = new WatchHub(catalog, clock, { slowMs: 60_000 });
    new Schedules({ catalog, writer, clock, report });
    new Projector({ catalog, projection, clock, report, notes: true });
    const options = { ...DEFAULT_WATCH_OPTIONS, heartbeatMs: 1_000, behindMs: 2_000 };
    this.#ending = new AbortController();
    const ending = this.#ending.signal;
    this.#life = { catalog, writer, killed, watch: { catalog, access, clock, hub, ending, options } };
    return true;
  }
}
