import type { LedgerEntry, LossReason, SequenceRange } from '../../ports/exposure-store.ts';
import { numberOf, optionalNumberOf, type Row, textOf } from './columns.ts';
import type { Database } from './open-database.ts';

interface Account {
  readonly process: string;
  readonly id: number | undefined;
  readonly accepted: number;
  readonly stored: number;
  readonly highest: number;
  readonly firstAt: number;
  readonly lastAt: number;
  readonly hasEnded: boolean;
}

interface Found {
  readonly account: Account;
  readonly letters: readonly { readonly sequence: number; readonly units: number; readonly at: number }[];
  readonly declared: readonly {
    readonly sequence: number;
    readonly reason: LossReason;
    readonly units: number;
  }[];
  readonly losses: readonly { readonly reason: LossReason; readonly units: number }[];
  /** In order, and not next to each other. */
  readonly ranges: readonly SequenceRange[];
}

/** Reads the ledger, the newest first. To be called in a transaction. */
export function ledgerReading(database: Database): (limit: number) => readonly LedgerEntry[] {
  const newest = database.prepare('SELECT process FROM processes ORDER BY last_at DESC, process LIMIT ?');
  const poisoned = database.prepare(
    `SELECT process FROM letters WHERE process IS NOT NULL GROUP BY process
     ORDER BY MAX(at) DESC, process LIMIT ?`,
  );
  const find = foundIn(database);
  return (limit) => {
    const rows = [...newest.iterate(limit), ...poisoned.iterate(limit)];
    const entries = [...new Set(rows.map((row) => textOf(row, 'process')))].map((one) => entryOf(find(one)));
    // Names are told apart by bytes here, as the database does.
    return entries
      .sort((a, b) => b.lastAt - a.lastAt || Buffer.compare(Buffer.from(a.process), Buffer.from(b.process)))
      .slice(0, limit);
  };
}

function foundIn(database: Database): (process: string) => Found {
  const account = database.prepare('SELECT * FROM processes WHERE process = ?');
  const letters = database.prepare('SELECT sequence, units, at FROM letters WHERE process = ?');
  const declared = database.prepare('SELECT sequence, reason, units FROM declared_losses WHERE process = ?');
  const losses = database.prepare('SELECT reason, units FROM losses WHERE process = ?');
  const ranges = database.prepare('SELECT first, last FROM stored_ranges WHERE process = ? ORDER BY first');
  return (process) => {
    const known = accountOf(process, account.get(process));
    const id = known.id ?? 0;
    return {
      account: known,
      letters: letters.all(process).map((row) => ({
        sequence: numberOf(row, 'sequence'),
        units: optionalNumberOf(row, 'units') ?? 0,
        at: numberOf(row, 'at'),
      })),
      declared: declared.all(id).map((row) => ({ sequence: numberOf(row, 'sequence'), ...lossOf(row) })),
      losses: losses.all(id).map(lossOf),
      ranges: ranges.all(id).map((row) => ({ from: numberOf(row, 'first'), to: numberOf(row, 'last') })),
    };
  };
}

function accountOf(process: string, row: Row | undefined): Account {
  const unknown = { accepted: 0, stored: 0, highest: 0, firstAt: Infinity, lastAt: -Infinity };
  if (row === undefined) return { process, id: undefined, ...unknown, hasEnded: false };
  return {
    process,
    id: numberOf(row, 'id'),
    accepted: numberOf(row, 'accepted'),
    stored: numberOf(row, 'stored'),
    highest: numberOf(row, 'highest'),
    firstAt: numberOf(row, 'first_at'),
    lastAt: numberOf(row, 'last_at'),
    hasEnded: numberOf(row, 'ended') === 1,
  };
}

function lossOf(row: Row): { readonly reason: LossReason; readonly units: number } {
  return { reason: textOf(row, 'reason') as LossReason, units: numberOf(row, 'units') };
}

function entryOf({ account, letters, declared, losses, ranges }: Found): LedgerEntry {
  const { process, accepted, stored, hasEnded } = account;
  const unstored = letters.filter(({ sequence }) => !isWithin(ranges, sequence));
  const buried = new Set(letters.map(({ sequence }) => sequence));
  const deadLettered = unstored.reduce((sum, { units }) => sum + units, 0);
  const lost = new Map<LossReason, number>();
  const lose = (reason: LossReason, units: number) =>
    units > 0 && lost.set(reason, (lost.get(reason) ?? 0) + units);
  for (const { reason, units } of losses) lose(reason, units);
  for (const { sequence, reason, units } of declared)
    if (!buried.has(sequence) && !isWithin(ranges, sequence)) lose(reason, units);
  const declaredLost = [...lost.values()].reduce((sum, units) => sum + units, 0);
  if (hasEnded) lose('killed', accepted - stored - deadLettered - declaredLost);

  const times = letters.map(({ at }) => at);
  const accounted = [...buried, ...declared.map(({ sequence }) => sequence)];
  return {
    ...{ process, accepted, stored, deadLettered, lost },
    // There may be more letters than a call can have arguments.
    highestSequence: [...buried].reduce(most, account.highest),
    missing: missingIn([...ranges, ...accounted.map((sequence) => ({ from: sequence, to: sequence }))]),
    firstAt: times.reduce(least, account.firstAt),
    lastAt: times.reduce(most, account.lastAt),
  };
}

function isWithin(ranges: readonly SequenceRange[], sequence: number): boolean {
  return ranges.some(({ from, to }) => from <= sequence && sequence <= to);
}

/** What is between 1 and the last of these, which may overlap and come in any order. */
function missingIn(ranges: readonly SequenceRange[]): SequenceRange[] {
  const missing: SequenceRange[] = [];
  let reached = 0;
  for (const { from, to } of ranges.toSorted((a, b) => a.from - b.from)) {
    if (from > reached + 1) missing.push({ from: reached + 1, to: from - 1 });
    reached = Math.max(reached, to);
  }
  return missing;
}

function least(a: number, b: number): number {
  return Math.min(a, b);
}

function most(a: number, b: number): number {
  return Math.max(a, b);
}
