import type { LedgerEntry, LossReason } from '../../ports/exposure-store.ts';

/** accepted = stored + dead letters + lost + pending. */
export interface Account {
  readonly accepted: number;
  readonly stored: number;
  readonly deadLettered: number;
  readonly lost: ReadonlyMap<LossReason, number>;
  /** Below 0: more is accounted for than was ever accepted, which must not be. */
  readonly pending: number;
  readonly balanced: boolean;
}

export function accountOf(
  entry: Pick<LedgerEntry, 'accepted' | 'stored' | 'deadLettered' | 'lost'>,
): Account {
  const { accepted, stored, deadLettered, lost } = entry;
  const allLost = [...lost.values()].reduce((sum, units) => sum + units, 0);
  const pending = accepted - stored - deadLettered - allLost;
  return { accepted, stored, deadLettered, lost, pending, balanced: pending === 0 };
}

/** Of all together; it is balanced only if each of them is. */
export function totalOf(entries: readonly LedgerEntry[]): Account {
  const lost = new Map<LossReason, number>();
  for (const entry of entries)
    for (const [reason, units] of entry.lost) lost.set(reason, (lost.get(reason) ?? 0) + units);
  const sum = (of: (entry: LedgerEntry) => number) => entries.reduce((total, entry) => total + of(entry), 0);
  const total = accountOf({
    accepted: sum(({ accepted }) => accepted),
    stored: sum(({ stored }) => stored),
    deadLettered: sum(({ deadLettered }) => deadLettered),
    lost,
  });
  return { ...total, balanced: entries.every((entry) => accountOf(entry).balanced) };
}
