import { watch } from '../../src/app/watch.ts';
import type { WatchEvent } from '../../src/app/watch-events.ts';
import type { Instance } from './instance.ts';
import { PLACE, SERVER } from './shop.ts';

/** Somebody who follows all definitions of the shop, and reads at their own pace. */
export interface DefinitionsWatcher {
  next(): Promise<WatchEvent>;
  /** Everything up to the end of a snapshot, or the one message that follows on hello. */
  started(): Promise<WatchEvent[]>;
  leave(): void;
}

/** With a token, it goes on from there. */
export function watchDefinitions(instance: Instance, resumeToken = ''): DefinitionsWatcher {
  const abort = new AbortController();
  const leave = () => abort.abort();
  const request = { principal: SERVER, place: PLACE, flagKeys: undefined, resumeToken, terminate: leave };
  const events = watch(instance.watch, { ...request, view: { kind: 'definitions' } }, abort.signal);
  const next = (): Promise<WatchEvent> => {
    const result = events.next().then(({ value }) => value);
    // Who leaves does not wait for what comes next.
    result.catch(() => undefined);
    return result;
  };
  return {
    next,
    async started() {
      const seen = [await next()];
      while (!['end', 'delta', 'goodbye'].includes(seen.at(-1)?.kind ?? '')) seen.push(await next());
      return seen;
    },
    leave,
  };
}

/** The newest token in these messages. Throws if there is none. */
export function tokenOf(events: readonly WatchEvent[]): string {
  const token = events.map((event) => ('token' in event ? event.token : '')).findLast((text) => text !== '');
  if (token === undefined) throw new Error('no token');
  return token;
}
