import { UsageError } from '../usage-error.ts';

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };
const SPAN = /^(\d{1,6})([smhd])$/;

/** Seconds, from `90s`, `10m`, `2h` or `7d`. */
export function parseSpan(text: string): number {
  const [, count = '', unit = ''] = SPAN.exec(text.trim()) ?? [];
  if (count === '') throw new UsageError(`"${text}" is not a span of time such as 90s, 10m, 2h or 7d`);
  return Number(count) * (UNITS[unit] ?? 1);
}
