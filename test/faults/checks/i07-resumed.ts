import type { WatcherSeen, WatchSeen } from '../history/history.ts';
import type { Check } from './check.ts';

/**
 * I7: a stream goes on exactly where its token says, or starts in full and says why; every step begins where the
 * last one ended.
 */
export const checkResumption: Check = function* ({ watchers }) {
  for (const watcher of watchers)
    for (const message of problemsOf(watcher))
      yield { invariant: 'I7', message: `${watcher.client} ${message}` };
};

interface Place {
  /** Where the client is; undefined before it has anything. */
  readonly at: number | undefined;
  /** The revision of its token, until hello has answered to it. */
  readonly asked: number | 'nothing' | undefined;
  readonly started: boolean;
  /** A snapshot is on its way, so that no step is expected. */
  readonly full: boolean;
}

function* problemsOf({ messages }: WatcherSeen): Generator<string> {
  let place: Place = { at: undefined, asked: undefined, started: false, full: false };
  for (const message of messages) {
    const problem = problemWith(place, message);
    if (problem !== undefined) yield `${problem} (${message.kind} of ${message.replica})`;
    place = after(place, message);
  }
}

function problemWith({ at, asked, started, full }: Place, message: WatchSeen): string | undefined {
  switch (message.kind) {
    case 'opened':
      return message.from !== undefined && message.from !== at
        ? `comes with a token of ${message.from}, but is at ${at}`
        : undefined;
    case 'hello':
      if (message.intent === 'full')
        return asked !== 'nothing' && message.reason === 'no_token'
          ? 'gets everything without a reason'
          : undefined;
      if (typeof asked !== 'number') return `is told ${message.intent} though it has nothing`;
      return message.intent === 'nothing' && message.target !== asked
        ? `is at ${asked} and is told that nothing happened up to ${message.target}`
        : undefined;
    case 'part':
    case 'end':
      return full ? undefined : 'gets a snapshot that nobody announced';
    case 'delta':
      if (!started || full) return 'gets a step before it was told how to begin';
      return message.from === at ? undefined : `is at ${at} and gets a step from ${message.from}`;
    case 'bookmark':
      return started && !full ? undefined : 'gets a bookmark before it has anything';
    default:
      return undefined;
  }
}

function after(place: Place, message: WatchSeen): Place {
  switch (message.kind) {
    case 'opened':
      return {
        at: message.from === undefined ? undefined : place.at,
        asked: message.from ?? 'nothing',
        started: false,
        full: false,
      };
    case 'hello':
      return { ...place, asked: undefined, started: true, full: message.intent === 'full' };
    case 'end':
      return { ...place, at: message.revision, full: false };
    case 'delta':
      return { ...place, at: message.to };
    case 'bookmark':
      return { ...place, at: message.revision };
    default:
      return place;
  }
}
