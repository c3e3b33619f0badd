import { plant } from './plant.ts';
import { reachIn } from './reach.ts';

/** As `failpoints.ts`, in a process that writes what was recorded into tables. */
export const WRITE_FAILPOINTS = ['store.before', 'store.after', 'bury.before', 'bury.after'] as const;
export type WriteFailpoint = (typeof WRITE_FAILPOINTS)[number];

const directory = decodeURIComponent(new URL(import.meta.url).search.slice(1));

if (directory !== '') {
  Object.assign(globalThis, { reachFailpoint: reachIn(directory) });
  plant(
    {
      file: 'app/exposures/writer.ts',
      find: 'await nextTurn(); try {',
      replace: "await nextTurn(); await globalThis.reachFailpoint('store.before'); try {",
    },
    {
      file: 'app/exposures/writer.ts',
      find: 'this.#works(); await this.#settle(delivery, () => delivery.done());',
      replace: `this.#works();
        await globalThis.reachFailpoint('store.after');
        await this.#settle(delivery, () => delivery.done());`,
    },
    {
      file: 'app/exposures/writer.ts',
      find: 'await this.#store.bury(units === undefined ? letter : { ...letter, units });',
      replace: `await globalThis.reachFailpoint('bury.before');
        await this.#store.bury(units === undefined ? letter : { ...letter, units });
        await globalThis.reachFailpoint('bury.after');`,
    },
  );
}
