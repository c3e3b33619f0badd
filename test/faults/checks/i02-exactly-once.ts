import type { OperationSeen } from '../history/history.ts';
import type { Check } from './check.ts';

/**
 * I2: what was acknowledged is in the log once, at the revision that was said; what was refused is not in it; what
 * nobody can say is in it at most once. A change says twice which operation it is: by its key and by its reason.
 */
export const checkExactlyOnce: Check = function* ({ operations }, { revisionsOf, witnessedAt }) {
  for (const operation of operations)
    for (const revisions of [revisionsOf(operation.key), witnessedAt(operation.key)])
      if (!isRight(operation, revisions)) {
        const { key, what, outcome, revision, code } = operation;
        const said = outcome === 'ok' ? `acknowledged at revision ${revision}` : `${outcome} ${code}`;
        const where =
          revisions.length === 0 ? 'is not in the log' : `is in the log at ${revisions.join(', ')}`;
        yield { invariant: 'I2', message: `${key} (${what}) was ${said}, but ${where}` };
        break;
      }
};

function isRight({ outcome, revision }: OperationSeen, revisions: readonly number[]): boolean {
  if (outcome === 'ok') return revisions.length === 1 && revisions[0] === revision;
  return revisions.length <= (outcome === 'fail' ? 0 : 1);
}
