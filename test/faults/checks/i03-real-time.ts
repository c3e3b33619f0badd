import type { Check } from './check.ts';

/** I3: what was acknowledged before something else was asked for has the lower revision. */
export const checkRealTime: Check = function* ({ operations }) {
  const done = operations.filter(({ outcome }) => outcome === 'ok');
  const returned = done.toSorted((a, b) => a.returnedAt - b.returnedAt);
  let highest: (typeof done)[number] | undefined;
  let next = 0;
  for (const operation of done.toSorted((a, b) => a.invokedAt - b.invokedAt)) {
    for (
      let one = returned[next];
      one !== undefined && one.returnedAt < operation.invokedAt;
      one = returned[next]
    ) {
      if (highest === undefined || one.revision > highest.revision) highest = one;
      next++;
    }
    if (highest !== undefined && highest.revision >= operation.revision)
      yield {
        invariant: 'I3',
        message: `${operation.key} got revision ${operation.revision}, but ${highest.key} had been acknowledged at ${highest.revision} before it was asked for`,
      };
  }
};
