import type { JsonObject } from '../core/model.ts';
import type { ErrorCode, Reason } from '../core/outcome.ts';

/** One environment of one project. */
export interface RecordedPlace {
  readonly project: string;
  readonly environment: string;
}

/** How an evaluation came to be recorded. */
export type ExposureSource = 'call' | 'all' | 'stream' | 'handshake' | 'watch' | 'reported' | 'manual';

/** That somebody got a variation, `count` times. Times are epoch milliseconds. */
export interface RecordedEvaluation {
  readonly time: number;
  readonly flag: string;
  readonly flagVersion: number;
  readonly revision: number;
  /** Empty if the caller's own default was to be used. */
  readonly variation: string;
  readonly reason: Reason;
  readonly errorCode?: ErrorCode;
  /** Empty unless a rule decided. */
  readonly ruleId: string;
  /** Who, as the environment wants it kept: the targeting key, or a keyed hash of it. Empty: nobody knows. */
  readonly subject: string;
  readonly source: ExposureSource;
  /** `name/version`; may be empty. */
  readonly client: string;
  /** So many equal ones were put together, at least 1. */
  readonly count: number;
  /** Stands for so many, of which the others were left out at random by subject: at least 1. Rates are made with it. */
  readonly weight: number;
}

export type EventKind = 'metric' | 'error' | 'crash';

/** That something happened to somebody which flags may be to blame or to praise for. */
export interface RecordedEvent {
  readonly time: number;
  readonly event: string;
  readonly kind: EventKind;
  readonly subject: string;
  /** The one flag that it is about. Absent: any that the subject was exposed to. */
  readonly flag?: string;
  readonly value?: number;
  readonly count: number;
}

/** What is known of a subject. Only attributes that the environment allows to be kept. */
export interface RecordedContext {
  readonly subject: string;
  readonly attributes: JsonObject;
  readonly seenAt: number;
}

/** Why something that was accepted is in no table. */
export type LossReason =
  | 'sampled'
  | 'buffer_full'
  | 'queue_refused'
  | 'too_large'
  | 'killed'
  | 'dead_lettered'
  | 'erased';

/**
 * What one process recorded of one environment in one hour of UTC, as it crossed the queue. `units` counts what was
 * accepted: an evaluation of a flag, or an event, each once however they were put together.
 */
export interface RecordedBatch {
  /** `<process>:<sequence>` */
  readonly id: string;
  /** One run of one process. */
  readonly process: string;
  /** 1, 2, 3, … over all that the process published. */
  readonly sequence: number;
  /** SHA-256 of its bytes, in hexadecimal. */
  readonly digest: string;
  readonly place: RecordedPlace;
  /** Hours since the epoch. Everything in it is of this hour. */
  readonly hour: number;
  /** How many units are in it: the sum of all counts. */
  readonly units: number;
  /** How many units the process had accepted when it made this, all batches and losses together. */
  readonly acceptedSoFar: number;
  readonly evaluations: readonly RecordedEvaluation[];
  readonly events: readonly RecordedEvent[];
  readonly contexts: readonly RecordedContext[];
  /** Units that the process had to give up since its last batch, of whatever place. */
  readonly losses: readonly DeclaredLoss[];
}

/**
 * Units that are in no table. One that names a sequence counts only as long as that batch is neither stored nor a dead
 * letter, and once for each reason however often it is declared: so what was given up, and what was declared in it, can
 * be declared again by its sequence, and nothing is lost and stored at once if it arrives after all.
 */
export interface DeclaredLoss {
  readonly reason: LossReason;
  readonly units: number;
  /** The batch that they were in; absent if they never came so far. */
  readonly sequence?: number;
}

/** A parcel that nobody could read, kept as it was. */
export interface DeadLetter {
  readonly id: string;
  readonly bytes: Uint8Array;
  readonly error: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly attempts: number;
  /** How many units are in it, if that could be told. */
  readonly units?: number;
}

/** What is written on a dead letter. */
export interface LetterLabel extends Omit<DeadLetter, 'bytes'> {
  /** Of its bytes. */
  readonly size: number;
}

/** What one run of a process recorded, and what became of it. */
export interface LedgerEntry {
  readonly process: string;
  /** The highest `acceptedSoFar` that is known of it. */
  readonly accepted: number;
  readonly stored: number;
  /** In dead letters whose units are known, and whose sequence is not stored. */
  readonly deadLettered: number;
  /** Only reasons for which units were lost. */
  readonly lost: ReadonlyMap<LossReason, number>;
  /** Of those stored, buried, or declared lost. */
  readonly highestSequence: number;
  /** Sequences below the highest that are neither stored, nor a dead letter, nor declared lost: still on their way, or gone. */
  readonly missing: readonly SequenceRange[];
  /** The first and last time that is known of it: of evaluations and events, of hours without any, letters, and the end. */
  readonly firstAt: number;
  readonly lastAt: number;
}

export interface SequenceRange {
  readonly from: number;
  readonly to: number;
}

export type Stored =
  | 'stored'
  /** The very same batch was stored before. */
  | 'already'
  /** Another batch has this id: the first one stays. */
  | 'conflict';

export type Step = 'minute' | 'hour' | 'day';

export interface StoredBytes {
  readonly stored: Stored;
  /** Of the batch. */
  readonly units: number;
}

/** From `from`, up to but not including `to`: epoch milliseconds. */
export interface Period {
  readonly from: number;
  readonly to: number;
}

/** How often a flag answered so in a step of time. */
export interface SeriesPoint {
  /** Where the step begins. */
  readonly at: number;
  readonly flag: string;
  readonly variation: string;
  readonly reason: Reason;
  /** Evaluations that are in the tables. */
  readonly count: number;
  /** With those that were left out by sampling. */
  readonly estimate: number;
}

export interface FlagActivity {
  readonly flag: string;
  /** When it was evaluated last, in the period or not. */
  readonly lastAt: number;
  /** Evaluations in the hours that begin in the period. */
  readonly count: number;
}

/** How those who got a variation fared. */
export interface VariationOutcome {
  readonly variation: string;
  /** Distinct subjects who got it in the period. */
  readonly subjects: number;
  readonly evaluations: number;
  /**
   * Of these subjects, with an event in the period that came when this was the last that they had been told in it; and how
   * many such events, and the sum of their values, each as often as it is counted. Without a value: 0. What is told at one
   * instant is told at once, and what happens at that instant happens after it.
   */
  readonly affected: number;
  readonly events: number;
  readonly sum: number;
  /** Sum of the squares of what each subject has as its own sum. */
  readonly sumOfSquares: number;
}

export interface OutcomeQuery extends Period {
  readonly flag: string;
  /** Only events of these kinds, or of this name. */
  readonly kinds?: readonly EventKind[];
  readonly event?: string;
  /**
   * Only evaluations that this rule decided; empty: only those that no rule did. Absent: all. Whoever was told something
   * else since, by whatever rule, has been told something else.
   */
  readonly ruleId?: string;
}

export interface StoredEvaluation extends RecordedEvaluation {
  /** Names this row for good; rows come in the order of time, then of it. */
  readonly id: string;
}

export interface RowQuery extends Period {
  readonly flag?: string;
  readonly subject?: string;
  /** Rows behind this one. */
  readonly after?: { readonly time: number; readonly id: string };
  readonly limit: number;
}

export interface ContextSample {
  /** Subjects who were last seen in the period. */
  readonly total: number;
  /** Up to `limit` of them, chosen at random, the same ones each time unless others came. */
  readonly contexts: readonly RecordedContext[];
}

/** How long what is stored is kept. Minutes, hours and days go as a whole, once they had ended by then. */
export interface Retention {
  /** Nothing of evaluations and events, one by one, from before. Epoch milliseconds. */
  readonly rowsBefore: number;
  /** Nothing by the minute from before. */
  readonly minutesBefore: number;
  /** Nothing at all from before: by the hour and by the day, subjects, contexts; and processes without a dead letter. */
  readonly rollupsBefore: number;
}

/** How many units, and whether there was a context. */
export interface Erased {
  readonly evaluations: number;
  readonly events: number;
  readonly contexts: number;
}

/**
 * The tables that are made of what was recorded. Written by any number of writers at once, which may be killed at any
 * moment: each batch counts once or not at all. Every method rejects with `unavailable` when the store cannot be reached;
 * whatever was asked may then have happened, and asking again is safe.
 */
export interface ExposureStore extends AsyncDisposable {
  /**
   * - Must answer `stored` only once the whole batch is durable and in every answer below, and must never show part of one
   *   in the series, the ledger or the outcomes.
   * - Must answer `already`, and change nothing, for a batch whose id and digest were stored before; `conflict`, and change
   *   nothing, for one whose id was stored with another digest.
   * - Rejects with `invalid` for one that it can never store; `checkBatch` says what that is at least.
   */
  store(batch: RecordedBatch): Promise<Stored>;
  /**
   * The same for a batch as it crossed the queue, of a store that reads it where it writes it, so that nobody has to wait
   * who has something else to do. Rejects with `invalid` for what `readBatch` cannot read, too. Absent: `store` is all.
   */
  storeBytes?(id: string, bytes: Uint8Array): Promise<StoredBytes>;

  /**
   * Must keep the letter until it is removed: one for each id, with the bytes that were buried first and whatever else was
   * said of them last, by its time. Its units are in the ledger as far as they are known.
   */
  bury(letter: DeadLetter): Promise<void>;
  /** Must return letters in the order of their ids, behind `after`. */
  deadLetters(limit: number, after?: string): Promise<readonly DeadLetter[]>;
  /** Must say the same of the same letters, in their order, without opening them: there may be gigabytes in them. */
  letterLabels(limit: number, after?: string): Promise<readonly LetterLabel[]>;
  /**
   * Must forget a letter, and say whether it was there. With a time: only if it was not buried again since, so that
   * whoever gives it to the writers again loses nothing if they were faster.
   */
  exhume(id: string, at?: number): Promise<boolean>;

  /**
   * A process that was gone at that time had accepted so many units: what is neither stored, nor a dead letter, nor
   * declared is lost as `killed`, for as long as it does not arrive. Must be remembered, the highest number for each
   * process.
   */
  close(process: string, accepted: number, at: number): Promise<void>;
  /**
   * Must have every process of which anything is known, the newest by `lastAt` first, then by name in code point order.
   * Must agree with what is stored at one moment.
   */
  ledger(limit: number): Promise<readonly LedgerEntry[]>;

  /**
   * Must count each evaluation stored exactly once, in the order of time, flag, variation and reason. Has the steps that
   * begin in the period, in UTC. Absent flag: all. Stops at the limit, if there is one.
   */
  series(
    place: RecordedPlace,
    query: Period & { readonly step: Step; readonly flag?: string; readonly limit?: number },
  ): Promise<readonly SeriesPoint[]>;
  /** Must have every flag that was ever evaluated and not forgotten by retention, by flag in code point order. */
  activity(place: RecordedPlace, period: Period): Promise<readonly FlagActivity[]>;
  /**
   * Must have each variation that anybody got in the period, in code point order, as far as it is stored one by one.
   * Whoever has no name counts among the evaluations only. An event that names another flag counts nowhere.
   */
  outcomes(place: RecordedPlace, query: OutcomeQuery): Promise<readonly VariationOutcome[]>;
  contexts(place: RecordedPlace, query: Period & { readonly limit: number }): Promise<ContextSample>;
  /** The last variation that each of these subjects got of a flag; of those at one instant the last in code point order. */
  lastVariations(
    place: RecordedPlace,
    flag: string,
    subjects: readonly string[],
  ): Promise<ReadonlyMap<string, string>>;
  /** Must return rows of the period in their order, up to the limit. */
  rows(place: RecordedPlace, query: RowQuery): Promise<readonly StoredEvaluation[]>;

  /**
   * Must leave no row, event, context or name of the subject behind. Sums stay, for nobody can be told from them: series,
   * activity and ledger are what they were. `at` is the time by the clock that rows have theirs from: whatever the subject
   * did by then and is stored only later must be what nobody in particular did, for as long as rows or sums of then are
   * kept.
   */
  erase(place: RecordedPlace, subject: string, at: number): Promise<Erased>;
  /** Must remove what is older, and whatever else is not needed any more, bit by bit: no single step may take long. */
  expire(retention: Retention): Promise<void>;
}
