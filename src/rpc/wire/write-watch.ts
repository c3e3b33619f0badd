import { toBinary } from '@bufbuild/protobuf';
import { WatchFlagsResponseSchema } from '../../../gen/vexil/v1/evaluation_pb.ts';
import type { Place } from '../../app/environment-access.ts';
import type { WatchEvent } from '../../app/watch-events.ts';
import { watchMessage } from '../convert/watch.ts';
import { toEnvelope } from '../envelopes.ts';

/** By what many watchers share: a delta as such, the content of a part. */
const written = new WeakMap<object, Uint8Array>();

/**
 * A WatchFlagsResponse in its envelope. The same bytes for all watchers that are told the same: nobody may write to them.
 */
export function writeWatchEvent(place: Place, event: WatchEvent): Uint8Array {
  if (event.kind !== 'part' && event.kind !== 'delta') return write(place, event);
  const shared = event.kind === 'part' ? event.content : event;
  const known = written.get(shared);
  if (known !== undefined) return known;
  const envelope = write(place, event);
  written.set(shared, envelope);
  return envelope;
}

function write(place: Place, event: WatchEvent): Uint8Array {
  return toEnvelope(toBinary(WatchFlagsResponseSchema, watchMessage(place, event)));
}
