import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

// What the sources of a checkout can do, which may be of an earlier commit.

/** Whether its configuration knows a variable, by its name or by that of the table that it is in. */
export function knowsVariable(root: string, name: string): boolean {
  return readFileSync(join(root, 'src/server/config.ts'), 'utf8').includes(name);
}

/** What runs its command line. */
export function entryOf(root: string): string {
  const entry = 'src/cli/vexil.js';
  return existsSync(join(root, entry)) ? entry : 'src/cli/main.ts';
}
