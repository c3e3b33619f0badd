import { type Check, keyOf } from './check.ts';

/** What the service does by itself, as the log names it. */
const OWN_ACTORS = ['schedule', 'bootstrap'];

/** I12: every change in the log is one that somebody asked for, and that was not refused. */
export const checkAudit: Check = function* ({ operations, log, beganAt }) {
  const asked = new Map(operations.map((operation) => [operation.key, operation]));
  for (const change of log) {
    const { revision, actor, action } = change;
    if (revision <= beganAt || OWN_ACTORS.includes(actor)) continue;
    const operation = asked.get(keyOf(change));
    if (operation === undefined || operation.outcome === 'fail')
      yield {
        invariant: 'I12',
        message: `revision ${revision} (${action}, ${change.idempotencyKey}) is in the log, but ${operation === undefined ? 'nobody asked for it' : `was refused with ${operation.code}`}`,
      };
  }
};
