import { type Timestamp, timestampDate } from '@bufbuild/protobuf/wkt';

/** RFC 3339 in UTC to the second; empty if there is no time. */
export function formatTime(time: Timestamp | undefined): string {
  return time === undefined
    ? ''
    : timestampDate(time)
        .toISOString()
        .replace(/\.\d{3}Z$/, 'Z');
}
