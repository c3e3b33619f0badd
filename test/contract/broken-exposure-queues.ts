import type { Delivery, ExposureQueue } from '../../src/ports/exposure-queue.ts';
import { LARGEST_PARCEL_BYTES } from '../../src/ports/parcel-check.ts';
import type { SeededBug } from './contract.ts';
import { refusal } from './exposure-queue-asking.ts';

/** Methods bound to the handle, so that one can be exchanged. */
function methodsOf(queue: ExposureQueue): ExposureQueue {
  return {
    publish: (parcel) => queue.publish(parcel),
    take: (limit, waitMs, signal) => queue.take(limit, waitMs, signal),
    connected: () => queue.connected(),
    onConnected: (listener) => queue.onConnected(listener),
    state: () => queue.state(),
    [Symbol.asyncDispose]: () => queue[Symbol.asyncDispose](),
  };
}

/** Alters what is handed out. */
function handing(queue: ExposureQueue, alter: (delivery: Delivery) => Delivery): ExposureQueue {
  return {
    ...methodsOf(queue),
    take: async (limit, waitMs, signal) => (await queue.take(limit, waitMs, signal)).map(alter),
  };
}

/** Publishes under another id than the one that is handed out. */
function renaming(queue: ExposureQueue, rename: (id: string) => string): ExposureQueue {
  return {
    ...handing(queue, (delivery) => ({ ...delivery, id: delivery.id.split('~')[0] ?? '' })),
    publish: ({ id, bytes }) => queue.publish({ id: rename(id), bytes }),
  };
}

/** Each with one mistake. */
export const brokenExposureQueues: readonly SeededBug<ExposureQueue>[] = [
  {
    bug: 'takes bytes for text',
    foundBy: 'hands out what was published, to the last byte, whoever published it',
    wrap: (queue) => handing(queue, (each) => ({ ...each, bytes: Buffer.from(String(each.bytes)) })),
  },
  {
    bug: 'forgets the ids of what was dealt with',
    foundBy: 'keeps one of several parcels with the same id: published at once, waiting, taken or dealt with',
    wrap(queue) {
      const settled = new Set<string>();
      const forgetful = handing(queue, (each) => ({
        ...each,
        done: () => {
          settled.add(each.id);
          return each.done();
        },
      }));
      return { ...renaming(forgetful, (id) => (settled.has(id) ? `${id}~again` : id)) };
    },
  },
  {
    bug: 'hands out twice what is asked for at once',
    foundBy: 'hands each parcel to one of many takers at once',
    wrap(queue) {
      let running: Promise<readonly Delivery[]> | undefined;
      return {
        ...methodsOf(queue),
        take: (limit, waitMs) => {
          running ??= queue.take(limit, waitMs).finally(() => {
            running = undefined;
          });
          return running;
        },
      };
    },
  },
  {
    bug: 'takes what it hands out for dealt with',
    foundBy: 'hands a parcel out again, to anybody, if nobody says in time what became of it',
    wrap: (queue) => ({
      ...methodsOf(queue),
      take: async (limit, waitMs) => {
        const taken = await queue.take(limit, waitMs);
        for (const each of taken) await each.done();
        return taken;
      },
    }),
  },
  {
    bug: 'does not heed that something was dealt with',
    foundBy: 'never hands out again what was dealt with, or refused',
    wrap: (queue) => handing(queue, (each) => ({ ...each, done: async () => undefined })),
  },
  {
    bug: 'heeds only whoever is in time',
    foundBy: 'takes it for dealt with also when the one who says so comes late',
    wrap: (queue) =>
      handing(queue, (each) => {
        const takenAt = performance.now();
        return { ...each, done: async () => (performance.now() - takenAt > 400 ? undefined : each.done()) };
      }),
  },
  {
    bug: 'hands out at once what was to rest',
    foundBy: 'hands out again what was given back, when its time has come',
    wrap: (queue) => handing(queue, (each) => ({ ...each, again: () => each.again(0) })),
  },
  {
    bug: 'has what is handed out in memory only',
    foundBy: 'has everything that was published, and every id that was dealt with, after a crash',
    wrap: (queue) => ({
      ...methodsOf(queue),
      take: async (limit, waitMs) => {
        const taken = await queue.take(limit, waitMs);
        for (const each of taken) await each.done();
        return taken;
      },
    }),
  },
  {
    bug: 'has ids in memory only',
    foundBy: 'has everything that was published, and every id that was dealt with, after a crash',
    wrap(queue) {
      const run = Math.random().toString(36);
      return renaming(queue, (id) => `${id}~${run}`);
    },
  },
  {
    bug: 'looks once',
    foundBy: 'lets whoever takes wait for the first parcel, until it is told not to',
    wrap: (queue) => ({ ...methodsOf(queue), take: (limit) => queue.take(limit, 0) }),
  },
  {
    bug: 'hands out more than was asked for',
    foundBy: 'hands out no more at a time than was asked for',
    wrap: (queue) => ({ ...methodsOf(queue), take: (limit, waitMs) => queue.take(limit + 1, waitMs) }),
  },
  {
    bug: 'drops the oldest when it is full',
    foundBy: 'says when it has no room, and then keeps nothing, and drops nothing that it has',
    wrap: (queue) => ({
      ...methodsOf(queue),
      publish: async (parcel) => {
        while ((await refusal(queue.publish(parcel))) === 'exhausted')
          for (const oldest of await queue.take(1, 0)) await oldest.done();
      },
    }),
  },
  {
    bug: 'acknowledges before it is durable',
    foundBy: 'says when it has no room, and then keeps nothing, and drops nothing that it has',
    wrap: (queue) => ({
      ...methodsOf(queue),
      publish: async (parcel) => void queue.publish(parcel).catch(() => undefined),
    }),
  },
  {
    bug: 'cuts off what is too much',
    foundBy: 'refuses for good what it can never take',
    wrap: (queue) => ({
      ...methodsOf(queue),
      publish: ({ id, bytes }) => queue.publish({ id, bytes: bytes.subarray(0, LARGEST_PARCEL_BYTES) }),
    }),
  },
  {
    bug: 'counts only what nobody has taken',
    foundBy: 'counts what nobody has dealt with, and what that takes',
    wrap(queue) {
      let held = 0;
      return {
        ...methodsOf(queue),
        take: async (limit, waitMs) => {
          const taken = await queue.take(limit, waitMs);
          held += taken.length;
          return taken;
        },
        state: async () => {
          const { waiting, bytes } = await queue.state();
          return { waiting: waiting - held, bytes };
        },
      };
    },
  },
  {
    bug: 'calls itself connected once it is disposed',
    foundBy: 'is connected until it is disposed, and unavailable from then on',
    wrap: (queue) => ({ ...methodsOf(queue), connected: () => true }),
  },
  {
    bug: 'counts no attempts',
    foundBy: 'does as a list in memory does, whatever is asked of it, in whatever order',
    wrap: (queue) => handing(queue, (each) => ({ ...each, attempt: 1 })),
  },
];
