import { UsageError } from '../usage-error.ts';

type Enumeration<V extends number> = Readonly<Record<string, V>>;

/** The words of an enumeration as people write them: `boolean` for `FlagType.BOOLEAN`. */
export function enumWords(enumeration: Enumeration<number>): string[] {
  return known(enumeration).map(([word]) => word);
}

/** The word for a value; the number itself if a newer server sent one that is not known here. */
export function enumWord(enumeration: Enumeration<number>, value: number): string {
  return known(enumeration).find(([, number]) => number === value)?.[0] ?? String(value);
}

/** The value for a word, whatever its case; hyphens may stand for underscores. */
export function parseEnum<V extends number>(enumeration: Enumeration<V>, text: string): V {
  const wanted = text.toLowerCase().replaceAll('-', '_');
  const found = known(enumeration).find(([word]) => word === wanted);
  if (found === undefined) {
    throw new UsageError(`"${text}" is not one of ${enumWords(enumeration).join(', ')}`);
  }
  return found[1];
}

function known<V extends number>(enumeration: Enumeration<V>): [word: string, value: V][] {
  return Object.entries(enumeration)
    .filter(([, value]) => value !== 0)
    .map(([name, value]) => [name.toLowerCase(), value]);
}
