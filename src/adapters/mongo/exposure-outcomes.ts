import { setImmediate as nextTurn } from 'node:timers/promises';
import { HOUR_MS } from '../../ports/batch-check.ts';
import type { ExposureStore, OutcomeQuery, VariationOutcome } from '../../ports/exposure-store.ts';
import type { RowsDocument } from './exposure-documents.ts';
import { OutcomeTally } from './exposure-outcome-tally.ts';
import type { Pages } from './exposure-pages.ts';
import type { HourView, Views } from './exposure-view.ts';

type Add = (time: number, ruleId: string, variation: string, subject: string, count: number) => void;

/**
 * How those who got variations fared, from rows and events one by one. Most are told one thing all the time, so that only
 * when they were told it first matters; for the others rows are read a second time, if anything happened to them.
 */
export function openOutcomes(views: Views, pages: Pages): Pick<ExposureStore, 'outcomes'> {
  async function eachRow(hours: readonly HourView[], flag: string, add: Add): Promise<void> {
    const rolls = hours.flatMap((hour) => hour.rolls);
    await pages.eachRows(rolls, flag, async (document) => {
      addRows(document, add);
      await nextTurn();
    });
    for (const { evaluations } of hours.flatMap((hour) => hour.parts))
      for (const { flag: of, time, ruleId, variation, subject, count } of evaluations)
        if (of === flag) add(time, ruleId, variation, subject, count);
  }

  async function outcomesIn(hours: readonly HourView[], query: OutcomeQuery): Promise<VariationOutcome[]> {
    const tally = new OutcomeTally(query);
    await eachRow(hours, query.flag, (...row) => tally.addRow(...row));
    const rolls = hours.flatMap((hour) => hour.rolls);
    await pages.eachEvents(rolls, async ({ events }) => {
      for (const event of events) tally.addEvent(event);
      await nextTurn();
    });
    for (const { events } of hours.flatMap((hour) => hour.parts))
      for (const event of events) tally.addEvent(event);
    if (tally.needsTurns)
      await eachRow(hours, query.flag, (time, ruleId, variation, subject) =>
        tally.addTurn(time, ruleId, variation, subject),
      );
    return tally.outcomes();
  }

  return {
    async outcomes(place, query) {
      const range = { from: Math.floor(query.from / HOUR_MS), to: Math.ceil(query.to / HOUR_MS) };
      return await views.look(place, range, (hours) => outcomesIn(hours, query));
    },
  };
}

function addRows({ answers, rows }: RowsDocument, add: Add): void {
  const { time, answer, subject, count } = rows;
  for (let index = 0; index < time.length; index++) {
    const given = answers[answer[index] ?? -1];
    if (given === undefined) continue;
    const { ruleId, variation } = given;
    add(time[index] ?? 0, ruleId, variation, subject[index] ?? '', count[index] ?? 0);
  }
}
