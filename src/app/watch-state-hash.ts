import { createHash } from 'node:crypto';

const hashes = new WeakMap<readonly string[], Uint8Array>();

/** SHA-256 over the lines in code point order, each ended by a newline. Worked out once per list. */
export function stateHashOf(lines: readonly string[]): Uint8Array {
  const known = hashes.get(lines);
  if (known !== undefined) return known;
  const hash = createHash('sha256');
  for (const line of lines.toSorted(byCodePoint)) hash.update(`${line}\n`);
  const digest = hash.digest();
  hashes.set(lines, digest);
  return digest;
}

function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
