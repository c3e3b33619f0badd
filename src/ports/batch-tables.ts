import type { JsonObject } from '../core/model.ts';
import type { ErrorCode, Reason } from '../core/outcome.ts';
import type { EventKind, ExposureSource, LossReason } from './exposure-store.ts';

/**
 * A batch as it crosses the queue. Whatever is said often is said once, in a table, and meant by its index: what
 * EvaluateAll answers with 350 flags is four small numbers, and as many more as its answers differ from another's.
 */
export interface BatchTables {
  readonly format: typeof BATCH_FORMAT;
  readonly process: string;
  readonly sequence: number;
  readonly project: string;
  readonly environment: string;
  /** Hours since the epoch. */
  readonly hour: number;
  readonly accepted: number;
  readonly outcomes: readonly OutcomeEntry[];
  readonly kinds: readonly KindEntry[];
  readonly subjects: readonly string[];
  /**
   * What calls answered for many flags: for each place the outcomes that there were, `null` for one that is not recorded.
   * A list may be packed: its JSON, deflated (raw), in base64.
   */
  readonly lists: readonly (readonly (readonly (OutcomeEntry | null)[])[] | string)[];
  /**
   * What one call answered: a list by its index, and which outcome of its place each answer was. These codes are written
   * bit by bit, the lowest bit of all places first; bits that nobody has are left out. Five places are one character, from
   * `FIRST_CODE` on, and the lowest of its bits is the first place.
   */
  readonly picks: readonly (readonly [number, string])[];
  /** As `rowsText` writes them. */
  readonly rows: string;
  /** Three numbers each, for rows that are not just one: the row, its count, its weight. */
  readonly many: readonly number[];
  readonly events: readonly EventEntry[];
  readonly contexts: readonly ContextEntry[];
  readonly losses: readonly LossEntry[];
}

/** Flag, its version, variation, reason, rule, and what went wrong. */
export type OutcomeEntry =
  | readonly [string, number, string, Reason, string]
  | readonly [string, number, string, Reason, string, ErrorCode];

/** Revision, source, client. */
export type KindEntry = readonly [number, ExposureSource, string];

/** Milliseconds since the hour began, event, kind, subject, flag, value, count. */
export type EventEntry = readonly [number, string, EventKind, number, string | null, number | null, number];

/** Subject, attributes, epoch milliseconds. */
export type ContextEntry = readonly [number, JsonObject, number];

/** Reason, units, and the batch that they were in. */
export type LossEntry = readonly [LossReason, number] | readonly [LossReason, number, number];

export const BATCH_FORMAT = 2;
/** The character that says five zeros. JSON writes none of those from here to 31 more in another way. */
export const FIRST_CODE = 48;
export const CODES_PER_CHARACTER = 5;
/** Outcomes of a place. */
export const MOST_CODES = 32;
export const HOUR_MS = 3_600_000;

/** What no batch exceeds. Whoever reads one refuses more, before doing any work for it. */
export const BATCH_LIMITS = {
  bytes: 512 * 1024,
  /** Evaluations once they are told one by one, and events, together. */
  items: 40_000,
  /** Characters of a subject, and of any other text. */
  subjectLength: 4_096,
  textLength: 1_024,
  /** How deep attributes may nest. */
  depth: 20,
} as const;
