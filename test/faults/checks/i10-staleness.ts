import type { Claim, History } from '../history/history.ts';
import type { Check } from './check.ts';

/** Staleness is told in whole milliseconds, and clocks are read one after the other. */
const SLACK_MS = 2;

/**
 * I10: a replica that says it is at most so stale reflects all that was acknowledged longer ago, and whoever insists
 * on a revision gets that or a later one.
 */
export const checkStaleness: Check = function* (history) {
  const done = history.operations.filter(({ outcome }) => outcome === 'ok');
  const returned = done.toSorted((a, b) => a.returnedAt - b.returnedAt);
  let highest: (typeof done)[number] | undefined;
  let next = 0;
  for (const claim of claimsIn(history).sort((a, b) => provenAt(a) - provenAt(b))) {
    for (
      let one = returned[next];
      one !== undefined && one.returnedAt < provenAt(claim);
      one = returned[next]
    ) {
      if (highest === undefined || one.revision > highest.revision) highest = one;
      next++;
    }
    if (highest !== undefined && highest.revision > claim.revision)
      yield {
        invariant: 'I10',
        message: `${claim.replica} says that revision ${claim.revision} is at most ${claim.stalenessMs} ms old, but ${highest.key} was acknowledged at ${highest.revision} ${Math.round(claim.saidAt - highest.returnedAt)} ms before`,
      };
  }
  for (const { replica, revision, atLeast, code } of history.evaluations)
    if (code === undefined && revision < atLeast)
      yield {
        invariant: 'I10',
        message: `${replica} answers at revision ${revision} when asked for ${atLeast}`,
      };
};

/** Everything acknowledged before this moment is what the claim is about. */
function provenAt({ saidAt, stalenessMs }: Claim): number {
  return saidAt - stalenessMs - SLACK_MS;
}

function claimsIn({ claims, watchers }: History): Claim[] {
  const told = watchers.flatMap(({ messages }) =>
    messages.flatMap((message) =>
      message.kind === 'bookmark' && message.saidAt !== undefined
        ? [{ ...message, saidAt: message.saidAt }]
        : [],
    ),
  );
  return [...claims, ...told];
}
