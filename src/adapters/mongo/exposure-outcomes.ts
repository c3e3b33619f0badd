import { setImmediate as nextTurn } from 'node:timers/promises';
import { compareCodePoints } from '../../core/canonical-json.ts';
import { HOUR_MS } from '../../ports/batch-check.ts';
import type {
  ExposureStore,
  OutcomeQuery,
  RecordedEvent,
  VariationOutcome,
} from '../../ports/exposure-store.ts';
import { entryIn } from './exposure-cells.ts';
import type { RowsDocument } from './exposure-documents.ts';
import type { Pages } from './exposure-pages.ts';
import type { HourView, Views } from './exposure-view.ts';

/** How those who got variations fared, from rows and events one by one. */
export function openOutcomes(views: Views, pages: Pages): Pick<ExposureStore, 'outcomes'> {
  async function outcomesIn(hours: readonly HourView[], query: OutcomeQuery): Promise<VariationOutcome[]> {
    const tally = new Tally(query);
    const rolls = hours.flatMap((hour) => hour.rolls);
    const parts = hours.flatMap((hour) => hour.parts);
    await pages.eachRows(rolls, query.flag, async (document) => {
      tally.addRows(document);
      await nextTurn();
    });
    for (const { evaluations } of parts)
      for (const { flag, time, ruleId, variation, subject, count } of evaluations)
        if (flag === query.flag) tally.add(time, ruleId, variation, subject, count);
    for (const { events } of await pages.events(rolls)) for (const event of events) tally.addEvent(event);
    for (const { events } of parts) for (const event of events) tally.addEvent(event);
    return tally.outcomes();
  }

  return {
    async outcomes(place, query) {
      const range = { from: Math.floor(query.from / HOUR_MS), to: Math.ceil(query.to / HOUR_MS) };
      return await views.look(place, range, (hours) => outcomesIn(hours, query));
    },
  };
}

interface Fared {
  readonly firstAt: number;
  events: number;
  sum: number;
}

interface Variation {
  evaluations: number;
  readonly subjects: Map<string, { firstAt: number; events: number; sum: number }>;
}

/** First all evaluations, then all events. */
class Tally {
  readonly #query: OutcomeQuery;
  readonly #variations = new Map<string, Variation>();

  constructor(query: OutcomeQuery) {
    this.#query = query;
  }

  add(time: number, ruleId: string, variation: string, subject: string, count: number): void {
    const { from, to, ruleId: wanted } = this.#query;
    if (time < from || time >= to || (wanted !== undefined && wanted !== ruleId)) return;
    const got = entryIn(this.#variations, variation, () => ({ evaluations: 0, subjects: new Map() }));
    got.evaluations += count;
    if (subject === '') return;
    const known = got.subjects.get(subject);
    if (known === undefined) got.subjects.set(subject, { firstAt: time, events: 0, sum: 0 });
    else known.firstAt = Math.min(known.firstAt, time);
  }

  addRows({ answers, rows }: RowsDocument): void {
    const { time, answer, subject, count } = rows;
    for (let index = 0; index < time.length; index++) {
      const given = answers[answer[index] ?? -1];
      if (given === undefined) continue;
      const { ruleId, variation } = given;
      this.add(time[index] ?? 0, ruleId, variation, subject[index] ?? '', count[index] ?? 0);
    }
  }

  addEvent({ time, event, kind, subject, flag, value = 0, count }: RecordedEvent): void {
    const { from, to, flag: wanted, kinds, event: name } = this.#query;
    if (time < from || time >= to || (flag !== undefined && flag !== null && flag !== wanted)) return;
    if ((kinds !== undefined && !kinds.includes(kind)) || (name !== undefined && name !== event)) return;
    for (const { subjects } of this.#variations.values()) {
      const fared = subjects.get(subject);
      if (fared === undefined || time < fared.firstAt) continue;
      fared.events += count;
      fared.sum += value * count;
    }
  }

  outcomes(): VariationOutcome[] {
    return [...this.#variations]
      .sort(([a], [b]) => compareCodePoints(a, b))
      .map(([variation, { evaluations, subjects }]) => ({
        ...{ variation, subjects: subjects.size, evaluations },
        ...summed([...subjects.values()]),
      }));
  }
}

function summed(all: readonly Fared[]) {
  const total = { affected: 0, events: 0, sum: 0, sumOfSquares: 0 };
  for (const { events, sum } of all) {
    if (events === 0) continue;
    total.affected += 1;
    total.events += events;
    total.sum += sum;
    total.sumOfSquares += sum * sum;
  }
  return total;
}
