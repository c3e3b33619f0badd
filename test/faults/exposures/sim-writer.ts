import { ExposureWriter } from '../../../src/app/exposures/writer.ts';
import type { Delivery, ExposureQueue } from '../../../src/ports/exposure-queue.ts';
import type { ExposureStore } from '../../../src/ports/exposure-store.ts';
import { type Life, type SimWorld, unsteadily } from './sim-world.ts';

/** A real writer that can be killed, between a queue and a store that lose questions and answers. */
export class SimWriter {
  readonly #world: SimWorld;
  readonly #life: Life = { isOver: false };

  constructor(world: SimWorld) {
    this.#world = world;
    const clock = world.time.clock(() => !this.#life.isOver);
    new ExposureWriter({
      ...{ queue: this.#unsteadyQueue(), store: this.#unsteadyStore(), clock },
      report: () => undefined,
    });
  }

  #ofQueue<T>(ask: () => Promise<T>): Promise<T> {
    return unsteadily(this.#world, this.#life, this.#world.weather.queueFails / 4, ask);
  }

  #unsteadyQueue(): ExposureQueue {
    const { queue } = this.#world;
    const unsteady = (delivery: Delivery): Delivery => ({
      ...delivery,
      done: () => this.#ofQueue(() => delivery.done()),
      again: (delayMs) => this.#ofQueue(() => delivery.again(delayMs)),
      refuse: () => this.#ofQueue(() => delivery.refuse()),
    });
    return {
      publish: (parcel) => queue.publish(parcel),
      take: async (limit) => {
        await this.#world.time.sleep(100);
        return (await this.#ofQueue(() => queue.take(limit, 0))).map(unsteady);
      },
      connected: () => true,
      onConnected: () => ({ [Symbol.dispose]: () => undefined }),
      state: () => queue.state(),
      [Symbol.asyncDispose]: async () => undefined,
    };
  }

  #ofStore<T>(ask: () => Promise<T>): Promise<T> {
    return unsteadily(this.#world, this.#life, this.#world.weather.storeFails, ask);
  }

  #unsteadyStore(): ExposureStore {
    const { storeBytes, ...store } = this.#world.store;
    return {
      ...store,
      store: (batch) => this.#ofStore(() => store.store(batch)),
      bury: (letter) => this.#ofStore(() => store.bury(letter)),
      ...(storeBytes && { storeBytes: (id, bytes) => this.#ofStore(() => storeBytes(id, bytes)) }),
    };
  }

  kill(): void {
    this.#life.isOver = true;
  }
}
