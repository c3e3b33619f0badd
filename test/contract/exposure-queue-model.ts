import fc from 'fast-check';
import { expect } from 'vitest';
import type { Delivery, ExposureQueue } from '../../src/ports/exposure-queue.ts';
import { parcel } from './exposure-queue-asking.ts';

/** One thing to ask of one of two handles. Numbers that name a delivery are taken modulo how many are held. */
type Step =
  | { readonly kind: 'publish'; readonly by: number; readonly id: number }
  | { readonly kind: 'take'; readonly by: number; readonly limit: number }
  | { readonly kind: 'done' | 'refuse' | 'again'; readonly which: number };

const by = fc.nat({ max: 1 });

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('publish' as const), by, id: fc.nat({ max: 12 }) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('take' as const), by, limit: fc.integer({ min: 1, max: 4 }) }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constantFrom('done' as const, 'done' as const, 'refuse' as const, 'again' as const),
        which: fc.nat({ max: 20 }),
      }),
    },
  ),
  { minLength: 30, maxLength: 60, size: 'max' },
);

/** Which ids wait, how often each was handed out, and which are held. Every id is known for good. */
class Model {
  readonly #known = new Set<string>();
  readonly #attempts = new Map<string, number>();
  readonly held: Delivery[] = [];

  publish(id: string): void {
    if (!this.#known.has(id)) this.#attempts.set(id, 0);
    this.#known.add(id);
  }

  /** How many are to be had. */
  get free(): number {
    return this.#attempts.size - this.held.length;
  }

  /** Demands that these were to be had. */
  take(taken: readonly Delivery[]): void {
    expect(taken.length).toBeLessThanOrEqual(this.free);
    for (const each of taken) {
      const attempt = (this.#attempts.get(each.id) ?? Number.NaN) + 1;
      expect([each.id, each.attempt]).toEqual([each.id, attempt]);
      expect(this.held.map(({ id }) => id)).not.toContain(each.id);
      this.#attempts.set(each.id, attempt);
      this.held.push(each);
    }
  }

  letGo(which: number): Delivery | undefined {
    const [delivery] = this.held.splice(which % Math.max(1, this.held.length), 1);
    return delivery;
  }

  forget(id: string): void {
    this.#attempts.delete(id);
  }

  get waiting(): number {
    return this.#attempts.size;
  }
}

/** Demands that so many can be had, if there are so many, and no more than there are. */
async function takeAll(queue: ExposureQueue | undefined, model: Model, limit: number): Promise<void> {
  for (let left = Math.min(limit, model.free); left > 0; ) {
    const taken = (await queue?.take(left, 2_000)) ?? [];
    expect(taken.length).toBeGreaterThan(0);
    model.take(taken);
    left -= taken.length;
  }
  if (model.free === 0) expect(await queue?.take(limit, 0)).toEqual([]);
}

async function takeStep(queues: readonly ExposureQueue[], model: Model, name: string, step: Step) {
  switch (step.kind) {
    case 'publish': {
      const id = `${name}-${step.id}`;
      await queues[step.by]?.publish(parcel(id));
      model.publish(id);
      return;
    }
    case 'take': {
      await takeAll(queues[step.by], model, step.limit);
      return;
    }
    default: {
      const delivery = model.letGo(step.which);
      if (delivery === undefined) return;
      if (step.kind === 'again') await delivery.again(0);
      else await delivery[step.kind]();
      if (step.kind !== 'again') model.forget(delivery.id);
    }
  }
}

/** A queue as a list in memory. A run leaves the queue empty. */
export const queueModel = {
  steps,
  async run(queues: readonly [ExposureQueue, ExposureQueue], name: string, asked: readonly Step[]) {
    const model = new Model();
    for (const step of asked) await takeStep(queues, model, name, step);
    expect(await queues[0].state()).toMatchObject({ waiting: model.waiting });
    await takeAll(queues[1], model, 100);
    for (const each of model.held) await each.done();
    expect(await queues[0].state()).toMatchObject({ waiting: 0 });
  },
};
