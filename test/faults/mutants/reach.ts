import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * What a process does at a place at which it can be killed or held up: one who writes `kill` or `sleep:<ms>` to a file of
 * the place's name in that directory has it happen there, once.
 */
export function reachIn(directory: string): (place: string) => Promise<void> {
  return async (place) => {
    const file = join(directory, place);
    if (!existsSync(file)) return;
    const [action, ms] = readFileSync(file, 'utf8').split(':');
    rmSync(file, { force: true });
    if (action === 'kill') process.kill(process.pid, 'SIGKILL');
    await delay(Number(ms ?? 60_000));
  };
}
