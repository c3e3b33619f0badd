import { UsageError } from '../usage-error.ts';
import { spanMs } from './span.ts';

const relative = /^([+-])?(\w+?)( ago)?$/;
const absolute = /^\d{4}-\d{2}-\d{2}(?:[Tt ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:[Zz]|[+-]\d{2}:\d{2}))?$/;

/**
 * RFC 3339, a date (midnight UTC), `now`, or a distance from now such as `+2h`, `-30m` or `3d ago`. A distance
 * without a sign goes in the given direction.
 */
export function parseTime(text: string, now: Date, direction: 'future' | 'past'): Date {
  const trimmed = text.trim();
  if (trimmed === 'now') return now;
  const [, sign, span = '', ago] = relative.exec(trimmed) ?? [];
  const distanceMs = spanMs(span);
  if (distanceMs !== undefined) {
    const back = ago !== undefined || sign === '-' || (sign === undefined && direction === 'past');
    return checked(new Date(now.getTime() + (back ? -distanceMs : distanceMs)), text);
  }
  if (!absolute.test(trimmed)) throw badTime(text);
  return checked(new Date(trimmed.replace(' ', 'T').toUpperCase()), text);
}

function checked(time: Date, text: string): Date {
  if (Number.isNaN(time.getTime())) throw badTime(text);
  return time;
}

function badTime(text: string): UsageError {
  return new UsageError(
    `"${text}" is not a time: give 2026-12-01, 2026-12-01T09:00:00Z (with Z or an offset), +2h or "3d ago"`,
  );
}
