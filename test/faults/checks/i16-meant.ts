import type { History } from '../history/history.ts';
import type { Violation } from './check.ts';

/** What has to have happened, at the least, for a run to mean anything. */
export interface Least {
  readonly operations: number;
  /** Operations that were on their way when a fault began or ended. */
  readonly operationsInFaults: number;
  /** Watches that went on with a token. */
  readonly resumes: number;
  readonly evaluations: number;
}

/** I16: enough happened, and enough of it while things went wrong. */
export function* checkMeaning(history: History, least: Least): Iterable<Violation> {
  const seen = activityIn(history);
  for (const what of Object.keys(least) as (keyof Least)[])
    if (seen[what] < least[what])
      yield { invariant: 'I16', message: `only ${seen[what]} of ${least[what]} ${what}` };
}

export function activityIn({ operations, faults, watchers, evaluations }: History): Least {
  const edges = faults.flatMap(({ from, to }) => [from, to]).sort((a, b) => a - b);
  const inFault = operations.filter(({ invokedAt, returnedAt }) => {
    const edge = edges[firstAtLeast(edges, invokedAt)];
    return edge !== undefined && edge <= returnedAt;
  });
  const resumes = watchers.flatMap(({ messages }) =>
    messages.filter(({ kind }, index) => {
      const opened = messages[index - 1];
      return kind === 'hello' && opened?.kind === 'opened' && opened.from !== undefined;
    }),
  );
  return {
    operations: operations.filter(({ outcome }) => outcome === 'ok').length,
    operationsInFaults: inFault.length,
    resumes: resumes.length,
    evaluations: evaluations.length,
  };
}

function firstAtLeast(sorted: readonly number[], value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
