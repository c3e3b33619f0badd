import { timestampMs } from '@bufbuild/protobuf/wkt';
import {
  type EvaluationSeries,
  type FlagActivity,
  type FlagHealth,
  FlagUse,
  type GetFlagConversionsResponse,
  type QueryEvaluationsResponse,
  TimeStep,
  type VariationConversion,
  type VariationHealth,
} from '../../../gen/vexil/v1/analytics_service_pb.ts';
import { Reason } from '../../../gen/vexil/v1/evaluation_pb.ts';
import { enumWord } from '../parse/enumeration.ts';
import type { Paint } from '../printer.ts';
import { bar, condensed, shareText, shortNumber, sparkline } from './chart.ts';
import { table } from './table.ts';
import { formatTime } from './time.ts';

const USUAL_WIDTH = 80;
/** Of sum, share and subjects, with the gaps before them. */
const NUMBERS_WIDTH = 25;
const CHART_WIDTHS = { least: 12, most: 40 };
const BAR_WIDTH = 12;

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const STEP_MS: ReadonlyMap<TimeStep, number> = new Map([
  [TimeStep.MINUTE, MINUTE_MS],
  [TimeStep.HOUR, HOUR_MS],
  [TimeStep.DAY, DAY_MS],
]);

/**
 * A line of columns for each variation, all on one scale. With `byReason`, for each variation and reason. Fits into
 * `lineWidth` characters, as far as names and numbers leave anything of it.
 */
export function seriesChart(
  answer: QueryEvaluationsResponse,
  byReason: boolean,
  lineWidth = USUAL_WIDTH,
): string {
  if (answer.series.length === 0) return 'nobody evaluated anything';
  const rows = rowsOf(answer, byReason);
  const headings = byReason ? ['FLAG', 'VARIATION', 'REASON'] : ['FLAG', 'VARIATION'];
  const width = chartWidth([headings, ...rows.map(({ names }) => names)], Math.min(lineWidth, USUAL_WIDTH));
  const lines = rows.map((row) => ({ ...row, ...condensed(row.values, width) }));
  // There may be more of them than a call can have arguments.
  const most = lines.flatMap(({ values }) => values).reduce((a, b) => Math.max(a, b), 0);
  const all = sumOf(lines.map(({ total }) => total));
  const cells = lines.map(({ names, values, total, subjects }) => [
    ...names,
    sparkline(values, most),
    shortNumber(total),
    shareText(all === 0 ? 0 : total / all),
    subjects === undefined ? '' : shortNumber(subjects),
  ]);
  const ofOne = lines.some(({ subjects }) => subjects !== undefined);
  const chart = table([...headings, 'EVALUATIONS', 'SUM', 'SHARE', ...(ofOne ? ['SUBJECTS'] : [])], cells);
  const each = (lines[0]?.each ?? 1) * (STEP_MS.get(answer.step) ?? 1);
  const period = `${formatTime(answer.startTime)} to ${formatTime(answer.endTime)}`;
  return `${chart}\n\n${period}, a column is ${columnText(each)}`;
}

/** What the names leave of a line. */
function chartWidth(names: readonly (readonly string[])[], lineWidth: number): number {
  const widths = (names[0] ?? []).map((_, column) =>
    Math.max(...names.map((row) => row[column]?.length ?? 0)),
  );
  const left = lineWidth - NUMBERS_WIDTH - sumOf(widths.map((width) => width + 2));
  return Math.max(CHART_WIDTHS.least, Math.min(CHART_WIDTHS.most, left));
}

interface SeriesRow {
  readonly names: readonly string[];
  readonly values: readonly number[];
  readonly total: number;
  readonly subjects?: number;
}

function rowsOf(answer: QueryEvaluationsResponse, byReason: boolean): SeriesRow[] {
  const { series, totals } = answer;
  if (byReason)
    return series.map((one) => {
      const values = valuesOf([one], answer);
      const names = [one.flag, variationText(one.variation), enumWord(Reason, one.reason).toUpperCase()];
      return { names, values, total: sumOf(values) };
    });
  const byVariation = Map.groupBy(series, ({ flag, variation }) => `${flag}\n${variation}`);
  return totals.map(({ flag, variation, estimate, subjects }) => {
    const own = byVariation.get(`${flag}\n${variation}`) ?? [];
    return {
      names: [flag, variationText(variation)],
      values: valuesOf(own, answer),
      total: estimate,
      ...(subjects !== undefined && { subjects: Number(subjects) }),
    };
  });
}

function valuesOf(series: readonly EvaluationSeries[], answer: QueryEvaluationsResponse): number[] {
  const { startTime, endTime, step } = answer;
  const stepMs = STEP_MS.get(step) ?? 1;
  const from = startTime === undefined ? 0 : timestampMs(startTime);
  const to = endTime === undefined ? from : timestampMs(endTime);
  const values = new Array<number>(Math.max(0, Math.round((to - from) / stepMs))).fill(0);
  for (const { time, estimate } of series.flatMap(({ points }) => points)) {
    const index = time === undefined ? -1 : Math.floor((timestampMs(time) - from) / stepMs);
    const before = values[index];
    if (before !== undefined) values[index] = before + estimate;
  }
  return values;
}

/** The uses of flags, with why some of them could go. */
export function activityTable(flags: readonly FlagActivity[], paint: Paint): string {
  const rows = flags.map((flag) => [
    flag.flag,
    enumWord(FlagUse, flag.use).replaceAll('_', ' '),
    flag.lastEvaluateTime === undefined ? '' : formatTime(flag.lastEvaluateTime).slice(0, 16),
    shortNumber(Number(flag.evaluations)),
    [...flag.remarks, ...usedBy(flag)].join('; '),
  ]);
  const [head = '', ...lines] = table(['FLAG', 'USE', 'LAST', 'COUNT', 'REMARKS'], rows).split('\n');
  const painted = lines.map((line, index) =>
    (flags[index]?.remarks.length ?? 0) > 0 ? paint('yellow', line) : line,
  );
  return [head, ...painted].join('\n');
}

/** Nobody asks for a prerequisite by its own name. */
function usedBy({ prerequisiteOf }: FlagActivity): string[] {
  return prerequisiteOf.length === 0 ? [] : [`prerequisite of ${prerequisiteOf.join(', ')}`];
}

/** The variations of one flag, the worst first. */
export function healthText(health: FlagHealth, paint: Paint): string {
  const rows = health.variations.map((variation) => healthCells([], variation));
  const notes = [...notesOf(health.variations), ...leftOutNote(health)];
  return [healthTable([], rows, health.variations, paint), ...notes].join('\n');
}

/** The worst variation of each flag, the worst flag first. */
export function healthList(healths: readonly FlagHealth[], paint: Paint): string {
  const worst = healths
    .flatMap(({ flag, variations: [first] }) => (first === undefined ? [] : [{ flag, variation: first }]))
    .sort((a, b) => troubleOf(b.variation) - troubleOf(a.variation));
  const rows = worst.map(({ flag, variation }) => healthCells([flag], variation));
  const variations = worst.map(({ variation }) => variation);
  return healthTable(['FLAG'], rows, variations, paint);
}

function troubleOf({ errorRate, sampleTooSmall }: VariationHealth): number {
  return (errorRate?.low ?? 0) - (sampleTooSmall ? 1 : 0);
}

function healthTable(
  names: readonly string[],
  rows: readonly (readonly string[])[],
  variations: readonly VariationHealth[],
  paint: Paint,
): string {
  const headings = [...names, 'VARIATION', 'SUBJECTS', 'ERRORS', '', '95 %', 'CRASH-FREE'];
  const [head = '', ...lines] = table(headings, rows).split('\n');
  const painted = lines.map((line, index) => {
    const variation = variations[index];
    if (variation === undefined) return line;
    if (variation.sampleTooSmall) return paint('dim', line);
    return (variation.errorRate?.low ?? 0) > 0.05 ? paint('red', line) : line;
  });
  return [head, ...painted].join('\n');
}

function healthCells(names: readonly string[], variation: VariationHealth): string[] {
  const { errorRate, crashFree, sampleTooSmall } = variation;
  return [
    ...names,
    variationText(variation.variation) + (sampleTooSmall ? ' *' : ''),
    shortNumber(Number(variation.subjects)),
    errorRate === undefined ? '' : shareText(errorRate.value),
    errorRate === undefined ? '' : bar(errorRate.value, BAR_WIDTH),
    errorRate === undefined ? '' : intervalText(errorRate),
    crashFree === undefined ? '' : `${(crashFree.value * 100).toFixed(2)}%`,
  ];
}

function notesOf(variations: readonly (VariationHealth | VariationConversion)[]): string[] {
  return variations.filter(({ note }) => note !== '').map(({ variation, note }) => `* ${variation}: ${note}`);
}

export function conversionText({ variations, leftOut }: GetFlagConversionsResponse): string {
  if (variations.length === 0) return 'nobody got any variation';
  const rows = variations.map(({ variation, subjects, rate, mean, sum, events, sampleTooSmall }) => [
    variationText(variation) + (sampleTooSmall ? ' *' : ''),
    shortNumber(Number(subjects)),
    rate === undefined ? '' : shareText(rate.value),
    rate === undefined ? '' : bar(rate.value, BAR_WIDTH),
    rate === undefined ? '' : intervalText(rate),
    shortNumber(Number(events)),
    shortNumber(sum),
    mean === undefined ? '' : `${mean.value.toPrecision(3)} ± ${(mean.high - mean.value).toPrecision(2)}`,
  ]);
  const headings = ['VARIATION', 'SUBJECTS', 'RATE', '', '95 %', 'EVENTS', 'SUM', 'MEAN'];
  return [table(headings, rows), ...notesOf(variations), ...leftOutNote({ leftOut })].join('\n');
}

function leftOutNote({ leftOut }: { readonly leftOut: number }): string[] {
  return leftOut > 0 ? [`${leftOut} more variations are left out`] : [];
}

/** `4.1–6.3%`. */
export function intervalText({ low, high }: { readonly low: number; readonly high: number }): string {
  return `${(low * 100).toFixed(1)}–${(high * 100).toFixed(1)}%`;
}

/** What stands for the default in the caller's own code. */
export function variationText(variation: string): string {
  return variation === '' ? '(none)' : variation;
}

/** In the largest unit of which it is a whole number. */
function columnText(ms: number): string {
  if (ms % DAY_MS === 0) return `${ms / DAY_MS} d`;
  return ms % HOUR_MS === 0 ? `${ms / HOUR_MS} h` : `${ms / MINUTE_MS} m`;
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
