import { FlagError } from '../../../src/core/errors.ts';
import type { ExposureQueue } from '../../../src/ports/exposure-queue.ts';
import type { ExposureStore } from '../../../src/ports/exposure-store.ts';
import type { Random } from '../../attacks/random.ts';
import type { VirtualTime } from '../simulation/virtual-time.ts';

/** What outlives all processes, and how well it can be reached: in so many of a hundred calls something goes wrong. */
export interface SimWorld {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly queue: ExposureQueue;
  readonly store: ExposureStore;
  readonly weather: { queueFails: number; storeFails: number };
}

/** The life of one process: once it is over, nothing that it asks is heard, and no answer reaches it. */
export interface Life {
  isOver: boolean;
}

/**
 * Asks, and loses the question or the answer now and then. Never answers somebody who is dead, and does not even ask for
 * them.
 */
export async function unsteadily<T>(
  { random }: SimWorld,
  life: Life,
  failsPercent: number,
  ask: () => Promise<T>,
): Promise<T> {
  const fails = random.whole(100) < failsPercent;
  if (life.isOver) return await never();
  if (fails && random.oneIn(2)) throw unreachable();
  const answer = await ask();
  if (life.isOver) return await never();
  if (fails) throw unreachable();
  return answer;
}

function never(): Promise<never> {
  return new Promise<never>(() => undefined);
}

function unreachable(): FlagError {
  return new FlagError('unavailable', 'nobody knows what became of it');
}
