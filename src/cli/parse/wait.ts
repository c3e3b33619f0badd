import { UsageError } from '../usage-error.ts';

const LONGEST_MS = 20_000;
const WAIT = /^(\d{1,6})(ms|s)$/;

/** Milliseconds, from `10s`, `500ms` or `0`. What the service would refuse is a UsageError. */
export function parseWait(text: string): number {
  const [, count = '', unit] = WAIT.exec(text === '0' ? '0s' : text.trim()) ?? [];
  if (count === '') throw new UsageError(`"${text}" is not a time to wait: give 10s, 500ms or 0`);
  const waitMs = Number(count) * (unit === 's' ? 1_000 : 1);
  if (waitMs > LONGEST_MS)
    throw new UsageError(`"${text}" is too long to wait: at most ${LONGEST_MS / 1_000}s`);
  return waitMs;
}
