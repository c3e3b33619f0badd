import { toBinary } from '@bufbuild/protobuf';
import { WatchFlagsResponseSchema } from '../../../gen/vexil/v1/evaluation_pb.ts';
import type { Place } from '../../app/environment-access.ts';
import type { Content, WatchEvent } from '../../app/watch-events.ts';
import { watchMessage } from '../convert/watch.ts';
import { toEnvelope } from '../envelopes.ts';

interface Written {
  /** What else is in the message, beside the content. */
  readonly about: string;
  readonly envelope: Uint8Array;
}

/** The message that a content was last written in. Contents are shared by all that are told the same. */
const written = new WeakMap<Content, Written>();

/**
 * A WatchFlagsResponse in its envelope. The same bytes for all watchers that are told the same: nobody may write to them.
 */
export function writeWatchEvent(place: Place, event: WatchEvent): Uint8Array {
  if (event.kind !== 'part' && event.kind !== 'delta') return write(place, event);
  const about = event.kind === 'part' ? '' : `${event.from} ${event.to} ${event.cause} ${event.token}`;
  const known = written.get(event.content);
  if (known !== undefined && known.about === about) return known.envelope;
  const envelope = write(place, event);
  written.set(event.content, { about, envelope });
  return envelope;
}

function write(place: Place, event: WatchEvent): Uint8Array {
  return toEnvelope(toBinary(WatchFlagsResponseSchema, watchMessage(place, event)));
}
