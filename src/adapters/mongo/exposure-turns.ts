import { setImmediate as nextTurn } from 'node:timers/promises';

/** What is done at a time before the event loop gets its turn. */
const ITEMS_PER_TURN = 2_000;

/** To be called, and waited for, with how much was just done: now and then the event loop gets its turn. */
export type TakeTurns = (items: number) => Promise<void> | undefined;

export function openTurns(): TakeTurns {
  let done = 0;
  return (items) => {
    done += items;
    if (done < ITEMS_PER_TURN) return undefined;
    done = 0;
    return nextTurn();
  };
}
