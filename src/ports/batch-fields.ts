import { FlagError } from '../core/errors.ts';
import type { JsonObject } from '../core/model.ts';
import { BATCH_LIMITS } from './batch-tables.ts';

/** What is asked of the parts of a batch that somebody sent. Each function returns what it was given or throws `invalid`. */

export function unreadable(what: string, cause?: unknown): FlagError {
  return new FlagError('invalid', `batch: ${what}`, { reason: 'BATCH_UNREADABLE', cause });
}

export type Entry = readonly unknown[];

export function listIn(value: unknown, what: string): Entry {
  if (!Array.isArray(value)) throw unreadable(`${what} must be a list`);
  return value;
}

/** A whole number from 0 up. */
export function countIn(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw unreadable(`${what} must be a whole number`);
  return value;
}

export function positiveIn(value: unknown, what: string): number {
  if (countIn(value, what) === 0) throw unreadable(`${what} must not be 0`);
  return value as number;
}

export function numberIn(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw unreadable(`${what} must be a number`);
  return value;
}

/** Text that every store can keep: half of a character becomes U+FFFD. */
export function textIn(value: unknown, what: string, longest: number = BATCH_LIMITS.textLength): string {
  if (typeof value !== 'string') throw unreadable(`${what} must be a text`);
  if (value.length > longest) throw unreadable(`${what} is too long`);
  return value.isWellFormed() ? value : value.toWellFormed();
}

export function keyIn(value: unknown, what: string): string {
  const text = textIn(value, what);
  if (text === '') throw unreadable(`${what} must not be empty`);
  return text;
}

export function oneIn<T extends string>(known: ReadonlySet<T>, value: unknown, what: string): T {
  if (!(known as ReadonlySet<unknown>).has(value)) throw unreadable(`${what} is not known`);
  return value as T;
}

/** What is at this index of a table. */
export function itemAt<T>(table: readonly T[], index: unknown, what: string): T {
  const item = typeof index === 'number' ? table[index] : undefined;
  if (item === undefined) throw unreadable(`${what} is not in its table`);
  return item;
}

export function attributesIn(value: unknown, what: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw unreadable(`${what} must be an object`);
  checkDepth(value, BATCH_LIMITS.depth, what);
  return value as JsonObject;
}

/** Goes no deeper than it may, so that nothing can make it go too deep. */
function checkDepth(value: unknown, left: number, what: string): void {
  if (typeof value === 'number' && !Number.isFinite(value)) throw unreadable(`${what} has no number`);
  if (typeof value !== 'object' || value === null) return;
  if (left === 0) throw unreadable(`${what} nests too deep`);
  for (const inner of Object.values(value)) checkDepth(inner, left - 1, what);
}

/** The record has all of them, or it does not compile. */
export function setOf<T extends string>(all: Readonly<Record<T, 0>>): ReadonlySet<T> {
  return new Set(Object.keys(all) as T[]);
}
