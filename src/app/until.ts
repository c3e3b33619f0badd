/**
 * The items of a source until `ended` aborts; then it throws the signal's reason at once, even while it waits for an
 * item that never comes.
 */
export async function* until<T>(source: AsyncIterable<T>, ended: AbortSignal): AsyncGenerator<T> {
  const { promise: end, reject } = Promise.withResolvers<never>();
  // Nobody may be waiting when the end comes.
  end.catch(() => undefined);
  const stop = () => reject(ended.reason);
  if (ended.aborted) stop();
  ended.addEventListener('abort', stop, { once: true });
  const items = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const item = await Promise.race([items.next(), end]);
      if (item.done === true) return;
      yield item.value;
    }
  } finally {
    ended.removeEventListener('abort', stop);
  }
}
