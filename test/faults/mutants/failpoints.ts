import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { plant } from './plant.ts';

/**
 * `node --import <the URL of this file>?<directory> …` runs the service with places at which it can be killed or held
 * up: one who writes `kill` or `sleep:<ms>` to a file of the place's name in that directory has it happen there, once.
 */
export const FAILPOINTS = ['append.before', 'append.after', 'publish.after'] as const;
export type Failpoint = (typeof FAILPOINTS)[number];

const directory = decodeURIComponent(new URL(import.meta.url).search.slice(1));

async function reach(place: Failpoint): Promise<void> {
  const file = join(directory, place);
  if (!existsSync(file)) return;
  const [action, ms] = readFileSync(file, 'utf8').split(':');
  rmSync(file, { force: true });
  if (action === 'kill') process.kill(process.pid, 'SIGKILL');
  await delay(Number(ms ?? 60_000));
}

if (directory !== '') {
  Object.assign(globalThis, { reachFailpoint: reach });
  plant(
    {
      file: 'app/writer.ts',
      find: 'const result = await this.#log.append(change);',
      replace: `await globalThis.reachFailpoint('append.before');
        const result = await this.#log.append(change);
        await globalThis.reachFailpoint('append.after');`,
    },
    {
      file: 'app/writer.ts',
      find: 'this.#bus.publish({ project: change.project, revision: change.revision, hash: change.hash, change });',
      replace: `this.#bus.publish({ project: change.project, revision: change.revision, hash: change.hash, change });
        await globalThis.reachFailpoint('publish.after');`,
    },
  );
}
