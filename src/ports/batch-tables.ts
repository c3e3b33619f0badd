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
   * What calls answered for many flags: for each place, the indexes of the outcomes that were answered there. -1 for an
   * answer that is not recorded.
   */
  readonly lists: readonly (readonly (readonly number[])[])[];
  /** What one call answered: a list by its index, and for each of its places which outcome it was, from `FIRST_CODE` on. */
  readonly picks: readonly (readonly [number, string])[];
  /**
   * Four numbers each: milliseconds since the row before (the first: since the hour began; may be negative), kind,
   * subject, and what was answered: an outcome from 0 up, or from -1 down a pick.
   */
  readonly rows: readonly number[];
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

export const BATCH_FORMAT = 1;
export const NUMBERS_PER_ROW = 4;
/** The code of `0`; no more than 40 characters from there on, none of which JSON writes in another way. */
export const FIRST_CODE = 48;
export const MOST_CODES = 40;
export const HOUR_MS = 3_600_000;

/** What no batch exceeds. Whoever reads one refuses more, before doing any work for it. */
export const BATCH_LIMITS = {
  bytes: 512 * 1024,
  /** Evaluations once they are told one by one, and events, together. */
  items: 20_000,
  /** Characters of a subject, and of any other text. */
  subjectLength: 4_096,
  textLength: 1_024,
  /** How deep attributes may nest. */
  depth: 20,
} as const;
