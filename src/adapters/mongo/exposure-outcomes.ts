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
    const rolls = hours.flatMap((hour) => hour.rolls);
    const parts = hours.flatMap((hour) => hour.parts);
    const happened = new Happened(query);
    for (const { events } of await pages.events(rolls)) for (const event of events) happened.add(event);
    for (const { events } of parts) for (const event of events) happened.add(event);
    const tally = new Tally(query, happened);
    await pages.eachRows(rolls, query.flag, async (document) => {
      tally.addRows(document);
      await nextTurn();
    });
    for (const { evaluations } of parts)
      for (const { flag, time, ruleId, variation, subject, count } of evaluations)
        if (flag === query.flag) tally.add(time, ruleId, variation, subject, count);
    return tally.outcomes();
  }

  return {
    async outcomes(place, query) {
      const range = { from: Math.floor(query.from / HOUR_MS), to: Math.ceil(query.to / HOUR_MS) };
      return await views.look(place, range, (hours) => outcomesIn(hours, query));
    },
  };
}

type Occurrence = Pick<RecordedEvent, 'time' | 'value' | 'count'>;

/** What happened to whom, as far as the query is about it. */
class Happened {
  readonly #query: OutcomeQuery;
  readonly #events = new Map<string, Occurrence[]>();

  constructor(query: OutcomeQuery) {
    this.#query = query;
  }

  add({ time, event, kind, subject, flag, value = 0, count }: RecordedEvent): void {
    const { from, to, flag: wanted, kinds, event: name } = this.#query;
    if (subject === '' || time < from || time >= to) return;
    if (flag !== undefined && flag !== null && flag !== wanted) return;
    if ((kinds !== undefined && !kinds.includes(kind)) || (name !== undefined && name !== event)) return;
    entryIn(this.#events, subject, () => [] as Occurrence[]).push({ time, value, count });
  }

  /** Of a subject, in no order. */
  of(subject: string): readonly Occurrence[] | undefined {
    return this.#events.get(subject);
  }
}

interface Fared {
  events: number;
  sum: number;
}

interface Variation {
  evaluations: number;
  readonly subjects: Set<string>;
  readonly fared: Map<string, Fared>;
}

/** What somebody was told and when, at the same index; undefined: what nobody asks for. */
interface Turns {
  readonly times: number[];
  readonly told: (Variation | undefined)[];
}

/** Goes through what was told, and keeps of those to whom something happened when that was. */
class Tally {
  readonly #query: OutcomeQuery;
  readonly #happened: Happened;
  readonly #variations = new Map<string, Variation>();
  readonly #turns = new Map<string, Turns>();

  constructor(query: OutcomeQuery, happened: Happened) {
    this.#query = query;
    this.#happened = happened;
  }

  add(time: number, ruleId: string, variation: string, subject: string, count: number): void {
    const { from, to, ruleId: wanted } = this.#query;
    if (time < from || time >= to) return;
    const isAsked = wanted === undefined || wanted === ruleId;
    const got = isAsked ? this.#variation(variation) : undefined;
    if (got !== undefined) {
      got.evaluations += count;
      if (subject !== '') got.subjects.add(subject);
    }
    if (this.#happened.of(subject) === undefined) return;
    const turns = entryIn(this.#turns, subject, () => ({ times: [], told: [] }) as Turns);
    turns.times.push(time);
    turns.told.push(got);
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

  outcomes(): VariationOutcome[] {
    for (const [subject, turns] of this.#turns) this.#blame(subject, turns);
    return [...this.#variations]
      .sort(([a], [b]) => compareCodePoints(a, b))
      .map(([variation, { evaluations, subjects, fared }]) => ({
        ...{ variation, subjects: subjects.size, evaluations },
        ...summed(fared.values()),
      }));
  }

  #variation(variation: string): Variation {
    return entryIn(this.#variations, variation, () => ({
      ...{ evaluations: 0, subjects: new Set(), fared: new Map() },
    }));
  }

  #blame(subject: string, { times, told }: Turns): void {
    const order = [...times.keys()].sort((a, b) => (times[a] ?? 0) - (times[b] ?? 0));
    const events = [...(this.#happened.of(subject) ?? [])].sort((a, b) => a.time - b.time);
    let behind = 0;
    for (const { time, value = 0, count } of events) {
      while (behind < order.length && timeAt(times, order, behind) <= time) behind++;
      const lastAt = timeAt(times, order, behind - 1);
      const blamed = new Set<Variation>();
      for (let turn = behind - 1; turn >= 0 && timeAt(times, order, turn) === lastAt; turn--) {
        const got = told[order[turn] ?? -1];
        if (got !== undefined) blamed.add(got);
      }
      for (const { fared } of blamed) {
        const own = entryIn(fared, subject, () => ({ events: 0, sum: 0 }));
        own.events += count;
        own.sum += value * count;
      }
    }
  }
}

function timeAt(times: readonly number[], order: readonly number[], index: number): number {
  return times[order[index] ?? -1] ?? -Infinity;
}

function summed(all: Iterable<Fared>) {
  const total = { affected: 0, events: 0, sum: 0, sumOfSquares: 0 };
  for (const { events, sum } of all) {
    total.affected += 1;
    total.events += events;
    total.sum += sum;
    total.sumOfSquares += sum * sum;
  }
  return total;
}
