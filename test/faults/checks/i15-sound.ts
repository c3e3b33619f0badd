import type { History } from '../history/history.ts';
import type { Check } from './check.ts';

/** What no client may ever be told; and no watch ends as if all were well. */
const UNSOUND = new Set(['OK', 'INTERNAL', 'UNKNOWN', 'DATA_LOSS', 'UNIMPLEMENTED']);

/** I15: nobody is told that something went wrong inside, and nothing else was noticed that must not be. */
export const checkSoundness: Check = function* (history) {
  for (const message of history.incidents) yield { invariant: 'I15', message };
  for (const [who, code] of codesIn(history))
    if (UNSOUND.has(code)) yield { invariant: 'I15', message: `${who} was told ${code}` };
};

function* codesIn({ operations, evaluations, watchers }: History): Generator<readonly [string, string]> {
  for (const { key, code } of operations) yield [key, code];
  for (const { replica, code = '' } of evaluations) yield [`whoever asked ${replica}`, code];
  for (const { client, messages } of watchers)
    for (const message of messages) if (message.kind === 'closed') yield [client, message.code];
}
