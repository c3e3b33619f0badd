import { decideAll } from '../../app/decisions.ts';
import { snapshotSince } from '../../app/environment-access.ts';
import { onward } from '../../app/onward.ts';
import type { Principal } from '../../app/principal.ts';
import type { Outcome } from '../../core/outcome.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import { checkedContext } from '../convert/context.ts';
import type { EvaluationParts } from '../evaluation-parts.ts';
import type { EvaluateAllQuery } from '../wire/queries.ts';
import { checkedFlagKeys, checkedRevision, placeIn } from './checked-query.ts';

/** What every selected flag is worth to one context. */
export interface EvaluatedAll {
  readonly outcomes: readonly Outcome[];
  readonly revision: number;
  /** Whose flags they all are; undefined for flags that somebody chose. */
  readonly whole: Snapshot | undefined;
}

/** EvaluateAll. A promise only for a revision that is not here yet. Throws, or rejects with, a FlagError. */
export function evaluateAll(
  { catalog, clock, contextLimits, recorder }: EvaluationParts,
  principal: Principal,
  { context, flagKeys, minRevision, environment }: EvaluateAllQuery,
): EvaluatedAll | Promise<EvaluatedAll> {
  const place = placeIn(principal, environment);
  return onward(snapshotSince(catalog, place, checkedRevision(minRevision)), (snapshot) => {
    const asked = checkedContext(context, contextLimits);
    const now = clock.now();
    const chosen = checkedFlagKeys(flagKeys);
    const isWeb = principal.kind === 'web';
    const selection = { clientVisibleOnly: isWeb, flagKeys: chosen };
    const { outcomes } = decideAll(snapshot, asked, now, selection);
    recorder?.many('all', snapshot, outcomes, asked, now);
    return { outcomes, revision: snapshot.revision, whole: chosen === undefined ? snapshot : undefined };
  });
}
