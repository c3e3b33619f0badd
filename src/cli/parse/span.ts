import { UsageError } from '../usage-error.ts';

/** What a number of is a span of time, by its letter, in milliseconds. */
const UNITS_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** Milliseconds, from `90s`, `10m`, `2h`, `7d` or `1w`; undefined for anything else. */
export function spanMs(text: string): number | undefined {
  const [, count, unit = ''] = /^(\d+)([smhdw])$/.exec(text) ?? [];
  return count === undefined ? undefined : Number(count) * (UNITS_MS[unit] ?? 0);
}

/** Seconds, at most a million of one unit. */
export function parseSpan(text: string): number {
  const ms = /^\d{1,6}\D$/.test(text.trim()) ? spanMs(text.trim()) : undefined;
  if (ms === undefined) throw new UsageError(`"${text}" is not a span of time such as 90s, 10m, 2h or 7d`);
  return ms / 1_000;
}
