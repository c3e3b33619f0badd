import { describe, it } from 'vitest';

/** One place where data is kept, made anew for one check. Disposing it throws the data away. */
export interface Store<T> extends AsyncDisposable {
  /** Another handle on the same data, as another process would have it. The check disposes of it. */
  open(): Promise<T>;
}

/** One obligation of a port: `run` rejects if an adapter does not keep it. */
export interface Check<S> {
  /** A present-tense claim. */
  readonly title: string;
  run(store: S): Promise<void>;
}

/** Declares a vitest suite of the checks; each gets a store of its own. */
export function declareContract<S extends AsyncDisposable>(
  name: string,
  checks: readonly Check<S>[],
  createStore: () => Promise<S>,
): void {
  describe(name, () => {
    it.each(checks)('$title', async (check) => runCheck(check, createStore));
  });
}

/** Runs one check on a store of its own, and rejects if the store does not pass. */
export async function runCheck<S extends AsyncDisposable>(
  check: Check<S>,
  createStore: () => Promise<S>,
): Promise<void> {
  await using store = await createStore();
  await check.run(store);
}

/** Waits for all, also when one rejects, and then rejects as the first of those did. */
export async function allDone(running: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(running);
  await Promise.all(running);
}

/** The check of that title, which must exist. */
export function checkTitled<S>(checks: readonly Check<S>[], title: string): Check<S> {
  const found = checks.find((check) => check.title === title);
  if (found === undefined) throw new Error(`no check is titled "${title}"`);
  return found;
}

/** A mistake that an adapter could make, put into one that works, and the title of the check that must find it. */
export interface SeededBug<T> {
  readonly bug: string;
  readonly foundBy: string;
  wrap(handle: T): T;
}
