import { type Timestamp, timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { invalid } from '../core/errors.ts';
import type { Instant } from '../core/model.ts';

const MIN_MS = Date.parse('0001-01-01T00:00:00.000Z');
const MAX_MS = Date.parse('9999-12-31T23:59:59.999Z');

export function timestampOf(instant: Instant): Timestamp {
  return timestampFromMs(Date.parse(instant));
}

/** To the millisecond. Throws `invalid` about `field` for what is outside the years 1 to 9999. */
export function instantOf(timestamp: Timestamp, field: string): Instant {
  const ms = timestampMs(timestamp);
  if (!(ms >= MIN_MS && ms <= MAX_MS) || timestamp.nanos < 0 || timestamp.nanos > 999_999_999)
    throw invalid([{ path: field, message: 'must be a time between the years 1 and 9999' }]);
  return new Date(ms).toISOString();
}
