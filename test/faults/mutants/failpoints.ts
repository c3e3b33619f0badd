import { plant } from './plant.ts';
import { reachIn } from './reach.ts';

/**
 * `node --import <the URL of this file>?<directory> …` runs the service with places at which it can be killed or held
 * up, as files in that directory say: see `reach.ts`.
 */
export const FAILPOINTS = ['append.before', 'append.after', 'publish.after'] as const;
export type Failpoint = (typeof FAILPOINTS)[number];

const directory = decodeURIComponent(new URL(import.meta.url).search.slice(1));

if (directory !== '') {
  Object.assign(globalThis, { reachFailpoint: reachIn(directory) });
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
