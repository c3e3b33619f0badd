import { Replay } from '../history/replay.ts';
import { type Check, keyOf } from './check.ts';

/** What the service does by itself, as the log names it. */
const OWN_ACTORS = ['schedule', 'bootstrap'];

/** How late what was planned may be. */
const LATE_MS = 2_000;

/**
 * I12: every change in the log is one that somebody asked for, and that was not refused; what was planned for a time
 * has happened by then. (That it happens once is a question of its key: see I1.)
 */
export const checkAudit: Check = function* ({ operations, log, beganAt, asOf }) {
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
  const replay = new Replay();
  for (const change of log) replay.apply(change);
  for (const [what, at] of replay.planned())
    if (Date.parse(at) + LATE_MS < Date.parse(asOf))
      yield { invariant: 'I12', message: `${what} was planned for ${at} and has not happened by ${asOf}` };
};
