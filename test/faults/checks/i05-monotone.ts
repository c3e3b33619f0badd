import type { WatchSeen } from '../history/history.ts';
import type { Check } from './check.ts';

/** I5: what a client is told never goes back, over all its streams, and no change is told twice. */
export const checkMonotone: Check = function* ({ watchers }) {
  for (const { client, messages } of watchers) {
    let at = 0;
    for (const message of messages) {
      const to = revisionIn(message);
      if (to === undefined) continue;
      const again = message.kind === 'delta' && message.cause === 'change' && to === at;
      if (to < at || again) {
        const what = again ? `is told revision ${to} again` : `is taken from revision ${at} back to ${to}`;
        yield { invariant: 'I5', message: `${client} ${what} (${message.kind} of ${message.replica})` };
      }
      // Hello only announces: what it is about to tell may never arrive.
      if (message.kind !== 'hello') at = Math.max(at, to);
    }
  }
};

function revisionIn(message: WatchSeen): number | undefined {
  switch (message.kind) {
    case 'hello':
      return message.target;
    case 'end':
    case 'bookmark':
      return message.revision;
    case 'delta':
      return message.to;
    default:
      return undefined;
  }
}
