import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

/** A place in a source file, and what is to be there instead. */
export interface Mutation {
  /** Below src, such as `app/writer.ts`. */
  readonly file: string;
  /** Has to be there exactly once, whatever the white space. */
  readonly find: string;
  readonly replace: string;
}

const SRC = new URL('../../../src/', import.meta.url);

/**
 * Makes this process load the files with these mutations, for as long as it lives: import it before anything else, with
 * `node --import`. Loading a file in which a place is not found fails; a file that was never loaded makes the process
 * exit with 70, so that no mutant is ever taken for survived because it was not there.
 */
export function plant(...mutations: readonly Mutation[]): void {
  const missing = new Set(mutations.map(({ file }) => file));
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const file = fileBelow(url);
      const mine = mutations.filter((mutation) => mutation.file === file);
      if (file === undefined || mine.length === 0) return loaded;
      missing.delete(file);
      return { ...loaded, source: mine.reduce(mutated, textOf(loaded.source)) };
    },
  });
  process.once('exit', () => {
    if (missing.size === 0) return;
    process.stderr.write(`never loaded: ${[...missing].join(', ')}\n`);
    process.exitCode = 70;
  });
}

/** The text with the mutation in it. Throws unless its place is there exactly once. */
export function mutated(text: string, { file, find, replace }: Mutation): string {
  const place = new RegExp(find.trim().split(/\s+/).map(RegExp.escape).join('\\s+'), 'g');
  const found = text.match(place)?.length ?? 0;
  if (found !== 1)
    throw new Error(`a mutant wants one place in ${file}, but ${found} are like this: ${find}`);
  return text.replace(place, () => replace);
}

/** The whole text of the file that a mutation is for. */
export function fileUrl({ file }: Mutation): URL {
  return new URL(file, SRC);
}

function fileBelow(url: string): string | undefined {
  return url.startsWith(SRC.href) ? fileURLToPath(url).slice(fileURLToPath(SRC).length) : undefined;
}

function textOf(source: unknown): string {
  if (typeof source === 'string') return source;
  return Buffer.from(source as Uint8Array).toString('utf8');
}
