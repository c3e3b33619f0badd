import type { Changes } from './changes.ts';
import type { Fleet } from './replicas.ts';
import { type FleetWatchers, watchFleet } from './watchers.ts';

/**
 * Makes one more change, waits until every watcher was told of it, and resolves to its revision if all of them, and new
 * watchers of each replica, know the same then. Throws otherwise.
 */
export async function verifyFleet(
  { replicas, serverToken }: Fleet,
  changes: Changes,
  watchers: FleetWatchers,
): Promise<number> {
  const { revision } = await changes.write(0);
  await Promise.all(replicas.map((_, replica) => watchers.last(replica, revision)));
  const ports = replicas.map(({ port }) => port);
  await using fresh = await watchFleet({ ports, token: serverToken, streams: ports.length });
  const [standing, ...others] = await watchers.standings();
  const [freshStanding, ...otherFresh] = await fresh.standings();
  if (others.length > 0) throw new Error(`the watchers know ${others.length + 1} different things`);
  if (otherFresh.length > 0) throw new Error(`the replicas know ${otherFresh.length + 1} different things`);
  const facts = [standing, freshStanding].map((each) => JSON.stringify({ ...each, watchers: undefined }));
  if (standing?.revision !== revision || facts[0] !== facts[1])
    throw new Error(`the watchers know ${facts[0]} and their replicas ${facts[1]} at revision ${revision}`);
  return revision;
}
