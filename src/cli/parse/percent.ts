import { UsageError } from '../usage-error.ts';

const pattern = /^(\d{1,3})(?:\.(\d+))?\s*%?$/;

/** `30`, `12.5%` or `0.001` as a weight in thousandths of a percent. Nothing is rounded. */
export function parsePercent(text: string): number {
  const match = pattern.exec(text.trim());
  if (match === null) throw new UsageError(`"${text}" is not a percentage such as 30 or 12.5%`);
  const fraction = match[2] ?? '';
  if (fraction.length > 3) throw new UsageError(`"${text}" has more than three decimals`);
  const weight = Number(match[1]) * 1000 + Number(fraction.padEnd(3, '0'));
  if (weight > 100_000) throw new UsageError(`"${text}" is more than 100%`);
  return weight;
}

/** A weight in thousandths of a percent for people: 12500 is `12.5%`. */
export function formatPercent(weight: number): string {
  return `${weight / 1000}%`;
}
