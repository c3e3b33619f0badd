import type { ChangeBus, ChangeNotice } from '../../../src/ports/change-bus.ts';
import type { Random } from '../../attacks/random.ts';
import type { VirtualTime } from './virtual-time.ts';

/** What happens to notices on their way, in percent of them. */
export interface Weather {
  dropPercent: number;
  duplicatePercent: number;
  /** These come without their change, as large ones do. */
  barePercent: number;
  /** Each takes up to so long, so that they overtake each other. */
  slowMs: number;
}

/** One replica's end of the bus. */
export interface BusEnd {
  readonly bus: ChangeBus;
  connect(on: boolean): void;
  /** Says something to this replica in the name of another. */
  forge(notice: ChangeNotice): void;
  kill(): void;
}

/** The bus between replicas: it loses, doubles, delays and reorders what it is given, as its contract allows. */
export class LossyBus {
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #weather: Weather;
  readonly #ends = new Set<{ isConnected: () => boolean; hear: (notice: ChangeNotice) => void }>();

  constructor(time: VirtualTime, random: Random, weather: Weather) {
    this.#time = time;
    this.#random = random;
    this.#weather = weather;
  }

  open(): BusEnd {
    const listeners = new Set<{ readonly hear: (notice: ChangeNotice) => void }>();
    const awaiting = new Set<{ readonly tell: () => void }>();
    let connected = true;
    let alive = true;
    const hear = (notice: ChangeNotice) => {
      if (!alive) return;
      for (const listener of listeners) listener.hear(notice);
    };
    const end = { isConnected: () => connected && alive, hear };
    this.#ends.add(end);
    const bus: ChangeBus = {
      publish: (notice) => {
        queueMicrotask(() => hear(notice));
        if (!end.isConnected()) return;
        for (const other of this.#ends) if (other !== end && other.isConnected()) this.#send(notice, other);
      },
      subscribe: (listener) => register(listeners, { hear: listener }),
      connected: () => connected,
      onConnected: (listener) => register(awaiting, { tell: listener }),
      [Symbol.asyncDispose]: async () => undefined,
    };
    return {
      bus,
      connect(on) {
        const isNew = on && !connected;
        connected = on;
        if (isNew && alive) for (const each of awaiting) each.tell();
      },
      forge: hear,
      kill: () => {
        alive = false;
        this.#ends.delete(end);
      },
    };
  }

  #send(
    notice: ChangeNotice,
    to: { isConnected: () => boolean; hear: (notice: ChangeNotice) => void },
  ): void {
    const { dropPercent, duplicatePercent, barePercent, slowMs } = this.#weather;
    const isIn = (percent: number) => this.#random.whole(100) < percent;
    if (isIn(dropPercent)) return;
    const { change, ...bare } = notice;
    const sent = isIn(barePercent) ? bare : notice;
    for (let copies = isIn(duplicatePercent) ? 2 : 1; copies > 0; copies--)
      void this.#time.sleep(this.#random.whole(slowMs + 1)).then(() => {
        if (to.isConnected()) to.hear(sent);
      });
  }
}

function register<T>(all: Set<T>, one: T): Disposable {
  all.add(one);
  return { [Symbol.dispose]: () => void all.delete(one) };
}
