import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../../src/server/config.ts';

export const ROOT = join(import.meta.dirname, '../..');

/** A file of the repository, as text. */
export function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** Every file in `deploy/` that is kept in the repository. */
export function deployFiles(): string[] {
  return globSync('deploy/**/*', { cwd: ROOT, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('/secrets'))
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1));
}

/** What is wrong with these variables, as the service that is started with them says; undefined if nothing is. */
export function problemWith(env: Readonly<Record<string, string>>): string | undefined {
  try {
    loadConfig({ ...env });
    return undefined;
  } catch (error) {
    return String(error);
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What is at a path of names and numbers in a document. Throws if there is nothing. */
export function at(document: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((value, step) => {
    const next = Array.isArray(value) ? value[Number(step)] : isRecord(value) ? value[step] : undefined;
    if (next === undefined) throw new Error(`nothing at ${path.join('.')} of ${JSON.stringify(document)}`);
    return next;
  }, document);
}

/** The names and contents of an object in a document. */
export function entries(document: unknown, ...path: readonly (string | number)[]): [string, unknown][] {
  const found = at(document, ...path);
  if (!isRecord(found)) throw new Error(`no object at ${path.join('.')}`);
  return Object.entries(found);
}

/** The items of a list in a document. */
export function items(document: unknown, ...path: readonly (string | number)[]): unknown[] {
  const found = at(document, ...path);
  if (!Array.isArray(found)) throw new Error(`no list at ${path.join('.')}`);
  return found;
}
