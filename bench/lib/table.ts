import type { Summary } from './summary.ts';

/** Lines of a table with columns as wide as their widest cell; the first column is aligned left, the others too. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** A median and what it lies between: 12.3 (11.9–14.0). */
export function spread({ median, min, max }: Summary): string {
  return `${figure(median)} (${figure(min)}–${figure(max)})`;
}

/** How many times, and what that lies between: 2.1× (1.9–2.4). */
export function times({ median, min, max }: Summary): string {
  const [middle, least, most] = [median, min, max].map((ratio) => ratio.toFixed(ratio < 0.995 ? 2 : 1));
  return `${middle}× (${least}–${most})`;
}

/** A number for people: 1,234 or 12.3, with three digits that count. */
export function figure(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
