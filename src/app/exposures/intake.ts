import type { Outcome } from '../../core/outcome.ts';
import type { Clock } from '../../ports/clock.ts';
import type { BatchBuilder, Occasion } from './batch-builder.ts';
import { keptAttributes } from './kept-attributes.ts';
import { isRecorded } from './outcome-lists.ts';
import { MERGE_FROM, Sample, weightAt } from './pressure.ts';
import { RecentContexts } from './recent-contexts.ts';
import type { RecordedEnvironment } from './recorded-places.ts';
import type { Shipping } from './shipping.ts';
import type { WaitingRows } from './waiting-rows.ts';

/** So many outcomes of a list are one row. */
const OUTCOMES_PER_ROW = 500;

type MutableOccasion = { -readonly [Field in keyof Occasion]: Occasion[Field] };

/** Puts rows into the batches that they belong to, or gives them up if there is no room. */
export class Intake {
  readonly #shipping: Shipping;
  readonly #sample = new Sample();
  readonly #contexts: RecentContexts;
  // One for all: it is not kept.
  readonly #occasion: MutableOccasion = {
    ...{ time: 0, revision: 0, source: 'call', client: '', subject: '', weight: 1 },
  };

  constructor(shipping: Shipping, clock: Clock) {
    this.#shipping = shipping;
    this.#contexts = new RecentContexts(clock);
  }

  take(rows: WaitingRows, at: number): void {
    const moment = rows.moments[at];
    const answer = rows.answers[at];
    const source = rows.sources[at];
    if (moment === undefined || answer === undefined || source === undefined) return;
    const { environment } = moment;
    const outcomes: readonly Outcome[] | undefined = Array.isArray(answer) ? answer : undefined;
    const one = outcomes === undefined ? (answer as Outcome) : undefined;
    const targetingKey = rows.subjects[at] ?? '';
    const occasion = this.#occasion;
    occasion.subject = environment.names?.of(targetingKey) ?? targetingKey;
    const fill = this.#shipping.fill();
    occasion.weight = weightAt(fill);
    if (fill >= 1 || !this.#sample.keeps(occasion.subject, occasion.weight)) {
      this.#shipping.lose(fill >= 1 ? 'buffer_full' : 'sampled', outcomes ? unitsIn(outcomes) : 1);
      return;
    }
    occasion.time = Math.max(0, Math.trunc(rows.times[at] ?? 0));
    occasion.revision = moment.revision;
    occasion.source = source;
    occasion.client = rows.clients[at] ?? '';
    let builder = this.#shipping.batchAt(environment, environment.key, occasion.time);
    if (fill >= MERGE_FROM) builder.mergeEqual();
    this.#noteContext(builder, environment, rows, at);
    if (one !== undefined) {
      builder.addOutcome(occasion, one);
      this.#shipping.took(builder, 1);
      return;
    }
    const { length } = outcomes ?? [];
    for (let from = 0; from < length; from += OUTCOMES_PER_ROW) {
      const to = Math.min(length, from + OUTCOMES_PER_ROW);
      if (from > 0) builder = this.#shipping.batchAt(environment, environment.key, occasion.time);
      this.#shipping.took(builder, builder.addOutcomes(occasion, outcomes ?? [], from, to));
    }
  }

  #noteContext(
    builder: BatchBuilder,
    { key, keptAttributes: names }: RecordedEnvironment,
    rows: WaitingRows,
    at: number,
  ): void {
    const { subject, time } = this.#occasion;
    const attributes = rows.attributes[at];
    if (attributes === undefined || subject === '') return;
    // Whoever has none of them is known too: to leave them out would make the others look like everybody.
    const kept = keptAttributes(attributes, names) ?? {};
    const text = JSON.stringify(kept);
    if (this.#contexts.isNews(key, subject, text)) builder.addContext(subject, kept, text, time);
  }
}

function unitsIn(outcomes: readonly Outcome[]): number {
  let units = 0;
  for (const outcome of outcomes) if (isRecorded(outcome)) units++;
  return units;
}
