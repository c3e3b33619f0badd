/**
 * Calls `task` when somebody has been silent for so long, unless disposed first. What had arrived by then but was not
 * read yet, because this process was busy, counts as said: it is read before `task` is called.
 */
export function afterSilence(silenceMs: number, task: () => void): Disposable {
  let isDone = false;
  const timer = setTimeout(() => {
    setImmediate(() => {
      if (!isDone) task();
    });
  }, silenceMs).unref();
  return {
    [Symbol.dispose]() {
      isDone = true;
      clearTimeout(timer);
    },
  };
}
