import { compareCodePoints } from '../../core/canonical-json.ts';
import { HOUR_MS } from '../../ports/batch-check.ts';
import type { ExposureStore, Period, Step } from '../../ports/exposure-store.ts';
import { Cells, minuteOf } from './exposure-cells.ts';
import type { ExposureCollections } from './exposure-collections.ts';
import { acknowledged, type HourRange } from './exposure-hours.ts';
import type { Pages } from './exposure-pages.ts';
import type { HourView, Views } from './exposure-view.ts';
import type { Mongo } from './open-mongo.ts';

const HOURS: Readonly<Record<Step, number>> = { minute: 1, hour: 1, day: 24 };
const ALWAYS: HourRange = { from: -Infinity, to: Infinity };

/** How often flags answered what, and when they did last. */
export function openSeries(
  mongo: Mongo,
  { flags }: ExposureCollections,
  views: Views,
  pages: Pages,
): Pick<ExposureStore, 'series' | 'activity'> {
  /** `at` says where in the series an hour is. */
  async function addTotals(
    cells: Cells,
    hours: readonly HourView[],
    rollsOf: (hour: HourView) => readonly string[],
    at: (hour: number) => number,
    flag: string | undefined,
  ): Promise<void> {
    const rolls = hours.flatMap(rollsOf);
    for (const { hour, cells: found } of await pages.totals(rolls, flag)) cells.addCells(at(hour), found);
    for (const { hour, parts } of hours)
      for (const part of parts) cells.addEvaluations(ofFlag(part.evaluations, flag), () => at(hour));
  }

  async function addMinutes(
    cells: Cells,
    hours: readonly HourView[],
    { from, to }: Period,
    flag: string | undefined,
  ): Promise<void> {
    const isIn = (at: number) => at >= from && at < to;
    for (const document of await pages.minutes(
      hours.flatMap(({ rolls }) => rolls),
      flag,
    ))
      for (const cell of document.cells)
        if (isIn(cell.at)) cells.add(cell.at, { ...cell, flag: document.flag }, cell.count, cell.estimate);
    for (const part of hours.flatMap(({ parts }) => parts)) {
      const own = ofFlag(part.evaluations, flag).filter(({ time }) => isIn(minuteOf(time)));
      cells.addEvaluations(own, minuteOf);
    }
  }

  return {
    series: (place, { from, to, step, flag, limit }) =>
      views.look(place, hoursOf({ from, to }, step), async (hours) => {
        const cells = new Cells();
        const stepMs = HOURS[step] * HOUR_MS;
        const at = (hour: number) => Math.floor((hour * HOUR_MS) / stepMs) * stepMs;
        if (step === 'minute') await addMinutes(cells, hours, { from, to }, flag);
        else await addTotals(cells, hours, step === 'day' ? ({ rolls }) => rolls : shown, at, flag);
        return cells.points().slice(0, limit);
      }),
    async activity(place, period) {
      const { counts, parts } = await views.look(place, hoursOf(period, 'hour'), async (hours) => {
        const cells = new Cells();
        await addTotals(cells, hours, shown, () => 0, undefined);
        return { counts: cells.totals(), parts: hours.flatMap((hour) => hour.parts) };
      });
      const lastAt = new Map<string, number>();
      const note = (flag: string, at: number) => lastAt.set(flag, Math.max(at, lastAt.get(flag) ?? at));
      const loaded = new Set(parts.map(({ id }) => id));
      const names = await views.openParts(place, ALWAYS);
      const others = names.flatMap(({ _id }) => (loaded.has(_id) ? [] : [_id]));
      for (const { evaluations } of [...parts, ...(await views.load(others))])
        for (const { flag, time } of evaluations) note(flag, time);
      const { project, environment } = place;
      const found = await mongo.run((reading) =>
        flags.find({ project, environment }, acknowledged(reading)).toArray(),
      );
      for (const { flag, lastAt: at } of found) if (typeof flag === 'string') note(flag, at);
      const count = Map.groupBy(counts, ({ flag }) => flag);
      return [...lastAt]
        .sort(([a], [b]) => compareCodePoints(a, b))
        .map(([flag, at]) => {
          const own = count.get(flag) ?? [];
          return { flag, lastAt: at, count: own.reduce((sum, cell) => sum + cell.count, 0) };
        });
    },
  };
}

function shown({ rolls, hidden }: HourView): readonly string[] {
  return hidden.size === 0 ? rolls : rolls.filter((roll) => !hidden.has(roll));
}

function ofFlag<T extends { readonly flag: string }>(all: readonly T[], flag: string | undefined) {
  return flag === undefined ? all : all.filter((one) => one.flag === flag);
}

/** The hours of all steps that begin in the period. */
function hoursOf({ from, to }: Period, step: Step): HourRange {
  if (step === 'minute') return { from: Math.floor(from / HOUR_MS), to: Math.ceil(to / HOUR_MS) };
  const size = HOURS[step];
  const stepMs = size * HOUR_MS;
  return { from: Math.ceil(from / stepMs) * size, to: Math.ceil(to / stepMs) * size };
}
