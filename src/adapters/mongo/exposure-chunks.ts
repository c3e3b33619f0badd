/** Of what callers may have made as long as they could: a document may have 16 MiB, and a character up to three bytes. */
const MOST_CHARACTERS = 2_000_000;

/** Lists of at most so many, and of so few characters that each fits into a document. One alone always does. */
export function* documentChunks<T>(
  items: readonly T[],
  most: number,
  charactersIn: (item: T) => number,
): Generator<T[]> {
  let chunk: T[] = [];
  let characters = 0;
  for (const item of items) {
    const length = charactersIn(item);
    if (chunk.length > 0 && (chunk.length === most || characters + length > MOST_CHARACTERS)) {
      yield chunk;
      chunk = [];
      characters = 0;
    }
    chunk.push(item);
    characters += length;
  }
  if (chunk.length > 0) yield chunk;
}
