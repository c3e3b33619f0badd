import type { Context } from '../../core/context.ts';
import type { Outcome } from '../../core/outcome.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ExposureSource } from '../../ports/exposure-store.ts';
import { LONGEST_SHEET } from '../answer-sheet.ts';
import type { BatchBuilder, Occasion } from './batch-builder.ts';
import { keptAttributes } from './kept-attributes.ts';
import { isRecorded } from './outcome-text.ts';
import { MERGE_FROM, Sample, weightAt } from './pressure.ts';
import { RecentContexts } from './recent-contexts.ts';
import type { RecordedEnvironment, RecordedMoment } from './recorded-places.ts';
import type { Shipping } from './shipping.ts';
import { toldSheetOf } from './told-sheet.ts';

type MutableOccasion = { -readonly [Field in keyof Occasion]: Occasion[Field] };

/** Puts what was answered into the batches that it belongs to, or gives it up if there is no room. */
export class Intake {
  readonly #shipping: Shipping;
  readonly #sample = new Sample();
  readonly #contexts: RecentContexts;
  // One for all: it is not kept.
  readonly #occasion: MutableOccasion = {
    ...{ time: 0, revision: 0, source: 'call', client: '', subject: '', weight: 1 },
  };

  /** How much of the memory was taken when it happened. */
  #fill = 0;

  constructor(shipping: Shipping, clock: Clock) {
    this.#shipping = shipping;
    this.#contexts = new RecentContexts(clock);
  }

  one(
    source: ExposureSource,
    moment: RecordedMoment,
    outcome: Outcome,
    context: Context,
    nowMs: number,
    client: string,
  ): void {
    this.#note(source, moment, context.targetingKey, nowMs, client);
    const reason = this.#refusal();
    if (reason !== undefined) {
      this.#shipping.lose(reason, 1);
      return;
    }
    const builder = this.#builderFor(moment.environment, context);
    builder.addOutcome(this.#occasion, outcome);
    this.#shipping.took(builder, 1);
  }

  many(
    source: ExposureSource,
    moment: RecordedMoment,
    outcomes: readonly Outcome[],
    context: Context,
    nowMs: number,
    client: string,
  ): void {
    this.#note(source, moment, context.targetingKey, nowMs, client);
    const reason = this.#refusal();
    if (reason !== undefined) {
      this.#shipping.lose(reason, outcomes.filter(isRecorded).length);
      return;
    }
    for (let from = 0; from < outcomes.length; from += LONGEST_SHEET) {
      const builder = this.#builderFor(moment.environment, context);
      const sheet = toldSheetOf(moment.sheets.reading(outcomes, from));
      this.#shipping.took(builder, builder.addPick(this.#occasion, sheet));
    }
  }

  #note(
    source: ExposureSource,
    { environment, revision }: RecordedMoment,
    targetingKey: string,
    nowMs: number,
    client: string,
  ): void {
    const occasion = this.#occasion;
    occasion.time = Math.max(0, Math.trunc(nowMs));
    occasion.revision = revision;
    occasion.source = source;
    occasion.client = client;
    occasion.subject = environment.names === undefined ? targetingKey : environment.names.of(targetingKey);
    this.#fill = this.#shipping.fill();
    occasion.weight = weightAt(this.#fill);
  }

  /** Why it is given up; undefined if it is not. */
  #refusal(): 'buffer_full' | 'sampled' | undefined {
    const { subject, weight } = this.#occasion;
    if (weight === 1) return undefined;
    if (this.#fill >= 1) return 'buffer_full';
    return this.#sample.keeps(subject, weight) ? undefined : 'sampled';
  }

  /** Where it belongs, and where the context is known. */
  #builderFor(environment: RecordedEnvironment, context: Context): BatchBuilder {
    const builder = this.#shipping.batchAt(environment, environment.key, this.#occasion.time);
    if (this.#fill >= MERGE_FROM) builder.mergeEqual();
    if (environment.keptAttributes.length > 0) this.#noteContext(builder, environment, context);
    return builder;
  }

  #noteContext(builder: BatchBuilder, environment: RecordedEnvironment, { attributes }: Context): void {
    const { subject, time } = this.#occasion;
    if (subject === '') return;
    // Whoever has none of them is known too: to leave them out would make the others look like everybody.
    const text = JSON.stringify(keptAttributes(attributes, environment.keptAttributes) ?? {});
    if (this.#contexts.isNews(environment.key, subject, text)) builder.addContext(subject, text, time);
  }
}
