const LEVELS = [...' ▁▂▃▄▅▆▇█'];
const EIGHTHS = [...' ▏▎▍▌▋▊▉'];

/** One character for each value, as high as it is of `most`; what is more than nothing never looks like nothing. */
export function sparkline(values: readonly number[], most: number): string {
  return values
    .map((value) => {
      if (value <= 0 || most <= 0) return LEVELS[0];
      return LEVELS[Math.max(1, Math.min(8, Math.round((value / most) * 8)))];
    })
    .join('');
}

/** A bar of this width that is filled to a share between 0 and 1, padded with spaces. */
export function bar(share: number, width: number): string {
  const filled = Math.max(0, Math.min(1, Number.isFinite(share) ? share : 0)) * width;
  const whole = Math.floor(filled);
  const part = share > 0 && filled < 1 / 8 ? 1 : Math.floor((filled - whole) * 8);
  return (LEVELS[8]?.repeat(whole) + (part > 0 ? (EIGHTHS[part] ?? '') : '')).padEnd(width);
}

/** The sums of neighbours, so that no more than `most` remain; how many neighbours became one. */
export function condensed(
  values: readonly number[],
  most: number,
): { readonly values: readonly number[]; readonly each: number } {
  const each = Math.max(1, Math.ceil(values.length / most));
  const sums = Array.from({ length: Math.ceil(values.length / each) }, (_, index) =>
    values.slice(index * each, (index + 1) * each).reduce((sum, value) => sum + value, 0),
  );
  return { values: sums, each };
}

/** `1234`, `12.3k`, `4.56M`: at most five characters up to a thousand billions. */
export function shortNumber(value: number): string {
  if (value < 10_000) return Number.isInteger(value) ? String(value) : value.toPrecision(3);
  const units = ['k', 'M', 'G', 'T'];
  let [scaled, unit] = [value, ''];
  for (const next of units) {
    if (scaled < 999.5) break;
    scaled /= 1_000;
    unit = next;
  }
  return `${scaled.toPrecision(3)}${unit}`;
}

/** `42.1%`; small shares keep two digits that say something. */
export function shareText(share: number): string {
  const percent = share * 100;
  if (percent === 0 || percent >= 1) return `${percent.toFixed(1)}%`;
  return percent < 0.001 ? '<0.001%' : `${percent.toPrecision(2)}%`;
}
