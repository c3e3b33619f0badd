import { FlagError } from '../../../src/core/errors.ts';
import type { ChangeLog } from '../../../src/ports/change-log.ts';
import type { Random } from '../../attacks/random.ts';
import type { VirtualTime } from './virtual-time.ts';

/** How one replica reaches the log at the moment. */
export interface Reach {
  /** False: nothing gets through, either way. */
  reachable: boolean;
  /** Of a hundred calls, how many fail before they do anything, or after they did it. */
  failPercent: number;
  /** How long a call takes at the most, and so does its answer. */
  slowMs: number;
  /** The replica is dead: nobody waits for answers any more. */
  dead: boolean;
}

export function steadyReach(): Reach {
  return { reachable: true, failPercent: 0, slowMs: 3, dead: false };
}

const PATIENCE_MS = 300;

/** The log as a replica sees it over a network: the truth, but late, or `unavailable`, done or not. */
export function unsteadyLog(truth: ChangeLog, reach: Reach, time: VirtualTime, random: Random): ChangeLog {
  return around(truth, async (call) => {
    await time.sleep(random.whole(reach.slowMs + 1));
    const failsBefore = random.whole(200) < reach.failPercent;
    const failsAfter = random.whole(200) < reach.failPercent;
    if (!reach.reachable) await time.sleep(PATIENCE_MS);
    if (!reach.reachable || failsBefore) throw unreachable();
    // Whoever died may have sent this off before, or not.
    if (reach.dead && random.oneIn(2)) return never();
    const result = await call();
    await time.sleep(random.whole(reach.slowMs + 1));
    if (reach.dead) return never();
    if (!reach.reachable) await time.sleep(PATIENCE_MS);
    if (!reach.reachable || failsAfter) throw unreachable();
    return result;
  });
}

/** A disk that takes nothing any more from a process that is dead. */
export function untilDead<T extends object>(disk: T, reach: Reach): T {
  return around(disk, (call) => (reach.dead ? never() : call()));
}

/** The same thing with every method called by way of `way`. What is disposed is left open. */
function around<T extends object>(target: T, way: <R>(call: () => Promise<R>) => Promise<R>): T {
  return new Proxy(target, {
    get(_, name) {
      if (name === Symbol.asyncDispose) return async () => undefined;
      const method: unknown = Reflect.get(target, name);
      return typeof method !== 'function'
        ? method
        : (...args: unknown[]) => way(async () => Reflect.apply(method, target, args));
    },
  });
}

function never<T>(): Promise<T> {
  return new Promise(() => undefined);
}

function unreachable(): FlagError {
  return new FlagError('unavailable', 'the log cannot be reached', { reason: 'STORE_UNREACHABLE' });
}
