import type { Binary } from 'mongodb';
import type { ErrorCode, Reason } from '../../core/outcome.ts';
import type { DeclaredLoss, EventKind, ExposureSource, LossReason } from '../../ports/exposure-store.ts';

/** The format of all documents of exposures. What is of another is left alone, and not counted. */
export const FORMAT = 1;

interface Placed {
  readonly format: number;
  readonly project: string;
  readonly environment: string;
  /** Hours since the epoch. */
  readonly hour: number;
}

/** For how long the name of a batch is kept beside what its process and its hour know. */
export const NAMES_MS = 7 * 86_400_000;

/**
 * A batch that was stored: this document is the commit. Its content is in it until the hour has it. That it never counts
 * twice is known by its name, and after a week by its process.
 */
export interface PartDocument extends Placed {
  /** `<process>:<sequence>` */
  readonly _id: string;
  readonly process: string;
  readonly sequence: number;
  readonly digest: string;
  readonly units: number;
  readonly accepted: number;
  readonly losses: readonly DeclaredLoss[];
  readonly firstAt: number;
  readonly lastAt: number;
  readonly rows: number;
  /** Of all of this but what is below. */
  readonly checksum: string;
  readonly storedAt: Date;
  /** Not in its hour yet. */
  readonly open?: true;
  /** Not in its process yet. */
  readonly unfolded?: true;
  readonly content?: Binary;
}

/** What one step put into an hour. Its documents never change, but for what is forgotten. */
export interface Roll {
  readonly id: string;
  readonly rows: number;
  /** What is in it is noted of its subjects. */
  readonly noted?: boolean;
}

/**
 * Which rolls an hour is made of: only these count. `token` is another one each time that this is replaced, and nobody
 * replaces it who has not seen the token that it has.
 */
export interface HourDocument extends Placed {
  readonly _id: string;
  readonly token: string;
  /** Another one each time that something else happens to rolls than that one is added. */
  readonly era: string;
  readonly rolls: readonly Roll[];
  /** Rolls that are forgotten by the hour, and kept by the day. */
  readonly hidden: readonly string[];
  /** Parts that are in these rolls, and may still be marked as open. */
  readonly pending: readonly string[];
  /** Not all is noted, there are several rolls where one would do, or documents of rolls that do not count. */
  readonly loose?: true;
}

export interface Rolled extends Placed {
  /** `<roll>/<number>` */
  readonly _id: string;
  readonly roll: string;
}

export interface Cell {
  readonly flag: string;
  readonly variation: string;
  readonly reason: Reason;
  readonly count: number;
  readonly estimate: number;
}

export interface TotalsDocument extends Rolled {
  readonly cells: readonly Cell[];
}

export interface MinuteCell extends Cell {
  /** Epoch milliseconds. */
  readonly at: number;
}

export interface MinutesDocument extends Rolled {
  readonly flag: string;
  readonly cells: readonly MinuteCell[];
}

export interface AnswerEntry {
  readonly variation: string;
  readonly reason: Reason;
  readonly ruleId: string;
  readonly flagVersion: number;
  readonly revision: number;
  readonly errorCode?: ErrorCode;
}

/** Evaluations of one flag, one at each index of these lists. */
export interface RowColumns {
  readonly time: readonly number[];
  /** Indexes of `answers`. */
  readonly answer: readonly number[];
  readonly subject: readonly string[];
  /** Indexes of `origins`. */
  readonly origin: readonly number[];
  /** Indexes of `batches`, and the number of the row in its batch. */
  readonly batch: readonly number[];
  readonly number: readonly number[];
  readonly count: readonly number[];
  readonly weight: readonly number[];
}

export interface RowsDocument extends Rolled {
  readonly flag: string;
  readonly from: number;
  readonly to: number;
  /** Counts how often something was taken out. */
  readonly edition: number;
  readonly answers: readonly AnswerEntry[];
  readonly origins: readonly { readonly source: ExposureSource; readonly client: string }[];
  readonly batches: readonly string[];
  readonly rows: RowColumns;
}

export interface EventEntry {
  readonly time: number;
  readonly event: string;
  readonly kind: EventKind;
  readonly subject: string;
  readonly flag?: string;
  readonly value?: number;
  readonly count: number;
}

export interface EventsDocument extends Rolled {
  readonly from: number;
  readonly to: number;
  readonly edition: number;
  readonly events: readonly EventEntry[];
}

/** What was known of subjects, until it is noted of each. */
export interface ContextsDocument extends Rolled {
  readonly contexts: readonly ContextEntry[];
}

export interface ContextEntry {
  readonly subject: string;
  /** JSON. */
  readonly attributes: string;
  readonly seenAt: number;
}

/**
 * Whoever was seen in a place. Of somebody who was erased only `_id` is left, and when that was, for as long as a process
 * that slept might bring back what it knew.
 */
export interface SubjectDocument {
  /** A hash. */
  readonly _id: string;
  readonly format: number;
  readonly project: string;
  readonly environment: string;
  readonly subject: string;
  /** Another one each time that something is noted. Nobody changes this who has not seen that. */
  readonly noted: string;
  /** The hash again, for those who are there. */
  readonly order: string;
  readonly erasedAt?: Date;
  /** Where there are rows and events of this subject. */
  readonly hours: readonly number[];
  readonly firstHour?: number;
  /** By `fieldOf` the flag: the last variation, and when. */
  readonly got?: Readonly<Record<string, { readonly at: number; readonly variation: string }>>;
  /** Nothing of `got`, and no context, is from before. */
  readonly firstAt: number;
  /** JSON. */
  readonly attributes?: string;
  readonly seenAt?: number;
}

/** Of somebody who was erased, so that what comes late does not bring them back. */
export interface ErasureDocument {
  /** The same hash. */
  readonly _id: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

export interface FlagDocument {
  readonly _id: string;
  readonly format: number;
  readonly project: string;
  readonly environment: string;
  readonly flag: string;
  readonly lastAt: number;
}

/** What is known of a process from parts that need not be looked at any more. */
export interface ProcessDocument {
  readonly _id: string;
  readonly format: number;
  readonly token: string;
  readonly pending: readonly string[];
  readonly stored: number;
  readonly accepted: number;
  /** From, to, from, to, …: sequences that are stored. */
  readonly ranges: readonly number[];
  readonly lost: readonly { readonly reason: LossReason; readonly units: number }[];
  readonly declared: readonly {
    readonly reason: LossReason;
    readonly units: number;
    readonly sequence: number;
  }[];
  readonly firstAt?: number;
  readonly lastAt?: number;
  readonly end?: { readonly accepted: number; readonly firstAt: number; readonly lastAt: number };
}

export interface LetterDocument {
  readonly _id: string;
  readonly format: number;
  readonly process?: string;
  readonly sequence?: number;
  readonly bytes: Binary;
  readonly error: string;
  readonly at: number;
  readonly attempts: number;
  readonly units?: number;
}
