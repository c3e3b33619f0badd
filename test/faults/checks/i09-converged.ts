import type { History } from '../history/history.ts';
import { boundariesOf } from './boundaries.ts';
import type { Check } from './check.ts';

/** When the last fault was over, or the last change was made if that was later: plans may come true at any time. */
export function settledAt({ log, healedAt, startEpochMs }: History): number {
  const last = log.at(-1);
  return last === undefined ? healedAt : Math.max(healedAt, Date.parse(last.time) - startEpochMs);
}

/** I9: soon after the last fault, every replica and every watcher that is left is at the head, in the same state. */
export const checkConvergence: Check = function* (history, known) {
  const { finals, watchers, log, convergeWithinMs } = history;
  const since = settledAt(history);
  const head = log.at(-1)?.revision ?? 0;
  for (const { replica, environment, revision, stateHash, reachedAt } of finals) {
    const late = reachedAt - since;
    const expected = known.expected(environment, { kind: 'definitions' }).at(head).stateHash();
    const problem =
      revision !== head
        ? `is at revision ${revision} of ${head}`
        : stateHash !== expected
          ? `is at the head in another state`
          : late > convergeWithinMs
            ? `was at the head only ${Math.round(late)} ms after the last fault and change`
            : undefined;
    if (problem !== undefined) yield { invariant: 'I9', message: `${replica} ${problem}` };
  }
  for (const watcher of watchers) {
    if (!watcher.isLive) continue;
    let last = { at: Number.POSITIVE_INFINITY, revision: 0 };
    for (const { message, revision } of boundariesOf(watcher))
      if (revision > last.revision || last.revision === 0) last = { at: message.at, revision };
    const late = last.at - since;
    if (last.revision !== head)
      yield { invariant: 'I9', message: `${watcher.client} is at revision ${last.revision} of ${head}` };
    else if (late > convergeWithinMs)
      yield {
        invariant: 'I9',
        message: `${watcher.client} was at the head only ${Math.round(late)} ms after the last fault and change`,
      };
  }
};
