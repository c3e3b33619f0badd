import { decide, mismatches, notFound, typeMismatch } from '../../app/decisions.ts';
import { type Place, snapshotAt, snapshotSince } from '../../app/environment-access.ts';
import { onward } from '../../app/onward.ts';
import type { Principal } from '../../app/principal.ts';
import type { Context } from '../../core/context.ts';
import { FlagError } from '../../core/errors.ts';
import { explain, type TraceStep } from '../../core/explain.ts';
import type { Outcome } from '../../core/outcome.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import { checkedContext } from '../convert/context.ts';
import type { EvaluationParts } from '../evaluation-parts.ts';
import { isKey } from '../names.ts';
import type { EvaluateQuery, StreamQuery } from '../wire/queries.ts';
import { checkedFlagKey, checkedRevision, placeIn } from './checked-query.ts';

/** What one flag is worth to one context. */
export interface Evaluated {
  readonly outcome: Outcome;
  readonly revision: number;
  /** How it came about, if somebody wanted to know. */
  readonly steps: readonly TraceStep[] | undefined;
}

/** Evaluate. A promise only for a revision that is not here yet. Throws, or rejects with, a FlagError. */
export function evaluate(
  parts: EvaluationParts,
  principal: Principal,
  query: EvaluateQuery,
): Evaluated | Promise<Evaluated> {
  const place = placeIn(principal, query.environment);
  checkedFlagKey(query.flagKey);
  const context = checkedContext(query.context, parts.contextLimits);
  const snapshot = snapshotSince(parts.catalog, place, checkedRevision(query.minRevision));
  return onward(snapshot, (found) => evaluateIn(parts, principal, query, found, context));
}

function evaluateIn(
  { clock, recorder }: EvaluationParts,
  { kind }: Principal,
  { flagKey, expectedType, explain: explains }: EvaluateQuery,
  snapshot: Snapshot,
  context: Context,
): Evaluated {
  const now = clock.now();
  const outcome = decide(snapshot, flagKey, context, now, kind === 'web');
  if (mismatches(outcome, expectedType)) {
    recorder?.one('call', snapshot, typeMismatch(outcome), context, now);
    throw new FlagError('failed_precondition', `flag ${flagKey} is of type ${outcome.type}`, {
      reason: 'TYPE_MISMATCH',
      metadata: { type: outcome.type ?? '' },
    });
  }
  if (explains && kind === 'web')
    throw new FlagError('forbidden', 'a web key cannot ask how a decision came about', {
      reason: 'KEY_KIND',
    });
  recorder?.one('call', snapshot, outcome, context, now);
  const steps = explains ? explain(snapshot, flagKey, context, now).steps : undefined;
  return { outcome, revision: snapshot.revision, steps };
}

/** One message of EvaluateStream: what Evaluate would throw about the flag is part of the answer. */
export function evaluateStreamed(
  { catalog, clock, contextLimits, recorder }: EvaluationParts,
  { kind }: Principal,
  place: Place,
  { flagKey, context, expectedType }: StreamQuery,
): Evaluated {
  const snapshot = snapshotAt(catalog, place);
  const asked = checkedContext(context, contextLimits);
  const now = clock.now();
  const decided = isKey(flagKey) ? decide(snapshot, flagKey, asked, now, kind === 'web') : notFound(flagKey);
  const outcome = mismatches(decided, expectedType) ? typeMismatch(decided) : decided;
  recorder?.one('stream', snapshot, outcome, asked, now);
  return { outcome, revision: snapshot.revision, steps: undefined };
}
