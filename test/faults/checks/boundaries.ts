import { ObjectSet } from '../history/digest.ts';
import type { WatcherSeen, WatchSeen } from '../history/history.ts';

type Of<K extends WatchSeen['kind']> = Extract<WatchSeen, { kind: K }>;

/** A message after which the client knows where it is, and what it has then. */
export interface Boundary {
  readonly message: Of<'end'> | Of<'delta'> | Of<'bookmark'>;
  readonly revision: number;
  readonly state: ObjectSet;
}

/**
 * Does with the messages of a watcher what a client does: parts count from the end of the snapshot on, and not at all
 * if it does not come. `state` is one object that changes from boundary to boundary.
 */
export function* boundariesOf({ messages }: WatcherSeen): Generator<Boundary> {
  let state = new ObjectSet();
  let parts: ObjectSet | undefined;
  for (const message of messages)
    switch (message.kind) {
      case 'opened':
        if (message.from === undefined) state = new ObjectSet();
        parts = undefined;
        break;
      case 'hello':
        parts = message.intent === 'full' ? new ObjectSet() : undefined;
        break;
      case 'part':
        for (const object of message.objects) parts?.put(object);
        break;
      case 'end':
        state = parts ?? new ObjectSet();
        parts = undefined;
        yield { message, revision: message.revision, state };
        break;
      case 'delta':
        for (const object of message.upserts) state.put(object);
        for (const id of message.deletes) state.delete(id);
        yield { message, revision: message.to, state };
        break;
      case 'bookmark':
        yield { message, revision: message.revision, state };
        break;
    }
}

/** The id of what a delta deletes, in the way in which upserts are named. */
export function deletedId(
  view: WatcherSeen['view'],
  kind: 'flag' | 'segment' | 'release',
  key: string,
): string {
  return view.kind === 'decisions' && kind === 'flag' ? `decision ${key}` : `${kind} ${key}`;
}
