import { Replay } from '../history/replay.ts';
import { type Check, keyOf } from './check.ts';

/** I4: whoever insisted on a version and got through changed that very version. */
export const checkLostUpdates: Check = function* ({ operations, log }) {
  const insisted = new Map(
    operations.flatMap(({ key, expected }) => (expected === undefined ? [] : [[key, expected] as const])),
  );
  const replay = new Replay();
  for (const change of log) {
    const expected = insisted.get(keyOf(change));
    if (expected !== undefined && replay.versionOf(expected.id) !== expected.version)
      yield {
        invariant: 'I4',
        message: `revision ${change.revision} was made for version ${expected.version} of ${expected.id}, which was at ${replay.versionOf(expected.id)}`,
      };
    replay.apply(change);
  }
};
