import { readdir, readFile, writeFile } from 'node:fs/promises';
import type { Check, Curve } from './part.ts';
import { type Drawing, line, logScale, moved, path, rectangle, svgDocument, text } from './svg.ts';

interface Recorded {
  readonly checks?: readonly Check[];
  readonly curves?: readonly Curve[];
}

/** Draws what the records in a folder hold, of this run and of earlier ones: `targets.svg` and `curves.svg`. */
export async function drawPlots(folder: URL): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort();
  const records = await Promise.all(
    names.map(async (name): Promise<Recorded> => JSON.parse(await readFile(new URL(name, folder), 'utf8'))),
  );
  const checks = records.flatMap((record) => record.checks ?? []);
  const curves = records.flatMap((record) => record.curves ?? []);
  if (checks.length > 0) await writeFile(new URL('targets.svg', folder), svgDocument(targetBars(checks)));
  if (curves.length > 0) await writeFile(new URL('curves.svg', folder), svgDocument(curvePlots(curves)));
}

const BAR_HEIGHT = 16;
const ROW_HEIGHT = 24;
const LABELS_WIDTH = 380;
const BARS_WIDTH = 360;
const TOP = 40;

/** How far each figure is beyond its target, or short of it, as a multiple of the target. */
export function targetBars(checks: readonly Check[]): Drawing {
  const scores = checks.map(({ score }) => clamped(score));
  const least = Math.min(0.5, ...scores) / 1.1;
  const x = logScale(least, Math.max(2, ...scores) * 1.1, BARS_WIDTH);
  const height = TOP + checks.length * ROW_HEIGHT + 10;
  const rows = checks.map(({ target, measured, isMet }, at) => {
    const y = TOP + at * ROW_HEIGHT;
    const end = x(scores[at] ?? 1);
    const from = Math.min(end, x(1));
    return [
      text(LABELS_WIDTH - 10, y + 12, target, '', 'end'),
      rectangle(
        LABELS_WIDTH + from,
        y,
        Math.max(1, Math.abs(end - x(1))),
        BAR_HEIGHT,
        isMet ? 'good' : 'bad',
      ),
      text(LABELS_WIDTH + BARS_WIDTH + 10, y + 12, measured),
    ].join('');
  });
  const mark = LABELS_WIDTH + x(1);
  const body = [
    text(mark, 16, 'target', 'title', 'middle'),
    text(LABELS_WIDTH + BARS_WIDTH, 30, 'better →', 'faint', 'end'),
    ...rows,
    line(mark, 22, mark, height - 6, 'mark'),
  ];
  return { width: LABELS_WIDTH + BARS_WIDTH + 90, height, body: body.join('\n') };
}

function clamped(score: number): number {
  return Math.min(100, Math.max(0.01, score));
}

const COLUMNS = 3;
const CELL = { width: 290, height: 210 };
const RIGHT_MARGIN = 20;
const PLOT = { left: 52, top: 34, width: 210, height: 130 };

/** All curves, both axes on a scale of ratios: what is in proportion goes up as steeply as the grid's squares. */
export function curvePlots(curves: readonly Curve[]): Drawing {
  const rows = Math.ceil(curves.length / COLUMNS);
  const cells = curves.map((curve, at) =>
    moved((at % COLUMNS) * CELL.width, Math.floor(at / COLUMNS) * CELL.height, curvePlot(curve)),
  );
  return { width: COLUMNS * CELL.width + RIGHT_MARGIN, height: rows * CELL.height, body: cells.join('\n') };
}

function curvePlot({ title, unit, points }: Curve): string {
  const { left, top, width, height } = PLOT;
  const xs = decades(points.map(({ size }) => size));
  const ys = decades(points.map(({ value }) => value));
  const x = logScale(xs[0] ?? 1, xs.at(-1) ?? 10, width);
  const y = logScale(ys[0] ?? 1, ys.at(-1) ?? 10, height);
  const place = (size: number, value: number) => [left + x(size), top + height - y(value)] as const;
  return [
    text(left, 16, title, 'title'),
    text(left, 29, unit, 'faint'),
    ...xs.map((size) => line(left + x(size), top, left + x(size), top + height, 'grid')),
    ...xs.map((size) => text(left + x(size), top + height + 16, short(size), 'faint', 'middle')),
    ...ys.map((value) => line(left, top + height - y(value), left + width, top + height - y(value), 'grid')),
    ...ys.map((value) => text(left - 6, top + height - y(value) + 4, short(value), 'faint', 'end')),
    path(points.map(({ size, value }) => place(size, value))),
  ].join('\n');
}

/** The powers of ten around all values. */
function decades(values: readonly number[]): number[] {
  const first = Math.floor(Math.log10(Math.min(...values)) + 1e-9);
  const last = Math.max(first + 1, Math.ceil(Math.log10(Math.max(...values)) - 1e-9));
  return Array.from({ length: last - first + 1 }, (_, at) => 10 ** (first + at));
}

function short(value: number): string {
  if (value >= 1e6) return `${value / 1e6} M`;
  return value >= 1e3 ? `${value / 1e3} k` : `${value}`;
}
