import { type ResumePoint, shortHash } from './resume-token.ts';
import type { StartReason } from './watch-events.ts';
import type { WatchParts } from './watch-request.ts';
import { Waiter } from './watch-waiter.ts';

const LOOK_EVERY_MS = 500;

/**
 * How a watch begins here that has seen this elsewhere. `behind`: it would have to go back, because this replica is not
 * as far, or follows another history than the log's; only an operator decides that such a history is given up.
 */
export async function startReason(
  parts: WatchParts,
  project: string,
  point: ResumePoint,
  hasLeft: () => boolean,
): Promise<StartReason | 'behind'> {
  const { catalog, options } = parts;
  if (!(await hasReached(parts, project, point, hasLeft))) return 'behind';
  const { revision } = catalog.state(project);
  if (revision - point.revision > options.maxResumeGap) return 'compacted';
  const isForked = catalog.troubleOf(project) === 'forked';
  try {
    const hash = await catalog.hashAt(project, point.revision);
    if (hash !== undefined && shortHash(hash) === point.hash) return 'resumed';
    return isForked ? 'behind' : 'history_rewritten';
  } catch {
    // The log cannot be asked. What is served here is not older than what the watcher has.
    return 'unknown_past';
  }
}

/** Waits until the log is as far as the watcher has seen it elsewhere, or is known to have been farther once. */
async function hasReached(
  { catalog, clock, hub, ending, options }: WatchParts,
  project: string,
  point: ResumePoint,
  hasLeft: () => boolean,
): Promise<boolean> {
  const deadline = clock.monotonic() + options.behindMs;
  using waiter = new Waiter(hub, project);
  while (catalog.state(project).revision < point.revision) {
    const state = await catalog.catchUp(project).catch(() => undefined);
    if (state !== undefined && state.revision >= point.revision) return true;
    const isGivenUp = catalog.lineage(project).adoptions.some(({ abandons }) => point.revision <= abandons);
    if (state !== undefined && isGivenUp) return true;
    if (hasLeft() || ending.aborted || clock.monotonic() >= deadline) return false;
    await waiter.wait(clock.now() + Math.min(LOOK_EVERY_MS, options.behindMs));
  }
  return true;
}
