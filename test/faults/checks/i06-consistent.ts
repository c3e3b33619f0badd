import type { WatcherSeen } from '../history/history.ts';
import { type Boundary, boundariesOf } from './boundaries.ts';
import type { Check, Known, Violation } from './check.ts';

/**
 * I6: after every message, a client has what the log leads to at that revision. I8: a bookmark says no more than
 * what was delivered, and names the log's own hash. A client is looked at up to where it first goes wrong.
 */
export const checkConsistency: Check = function* (history, known) {
  const hashes = history.log.map(({ hash }) => hash);
  for (const watcher of history.watchers) {
    const wrong = firstWrong(watcher, known, hashes);
    if (wrong !== undefined) yield wrong;
  }
};

function firstWrong(watcher: WatcherSeen, known: Known, hashes: readonly string[]): Violation | undefined {
  const expected = known.expected(watcher.environment, watcher.view);
  for (const { message, revision, state } of boundariesOf(watcher)) {
    const invariant = message.kind === 'bookmark' ? 'I8' : 'I6';
    const where = `${watcher.client} at revision ${revision}, after a ${message.kind} of ${message.replica}`;
    const digest = expected.digests[revision];
    if (digest === undefined) return { invariant, message: `${where}: the log has no such revision` };
    if (digest !== state.digest)
      return { invariant, message: `${where}: ${state.differences(expected.at(revision))}` };
    const problem = problemOf(message, state, hashes[revision - 1] ?? '');
    if (problem !== undefined) return { invariant, message: `${where}: ${problem}` };
  }
  return undefined;
}

function problemOf(message: Boundary['message'], state: Boundary['state'], hash: string): string | undefined {
  if (message.kind === 'bookmark' && message.headHash !== hash)
    return `hash ${message.headHash}, not ${hash}`;
  if (message.kind !== 'end') return undefined;
  if (message.count !== state.size) return `${state.size} objects, but ${message.count} announced`;
  const own = state.stateHash();
  return own === message.stateHash
    ? undefined
    : `state hash ${message.stateHash} announced, but it is ${own}`;
}
