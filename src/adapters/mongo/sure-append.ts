import { setTimeout as delay } from 'node:timers/promises';
import type { Change } from '../../core/change.ts';
import type { AppendResult } from '../../ports/change-log.ts';
import type { ChangeCollection } from './change-collection.ts';
import { isDuplicate, isUncertain, outcomeUnknown } from './mongo-errors.ts';
import { type ChangeDocument, documentOf } from './stored-change.ts';

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 500;

/**
 * Appends, and finds out what became of it. An insert that was cut off is made again, the same document into the same
 * slot; then it is seen who holds it. Rejects with OUTCOME_UNKNOWN when that cannot be seen for too long.
 */
export async function appendSurely(
  changes: ChangeCollection,
  change: Change,
  patienceMs: number,
): Promise<AppendResult> {
  const document = documentOf(change);
  if (!(await follows(changes, change))) return (await earlier(changes, change)) ?? { kind: 'slot_taken' };
  const giveUpAt = performance.now() + patienceMs;
  let cutOff: unknown;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    try {
      const result = await attempt(changes, change, document);
      if (result !== undefined) return result;
    } catch (error) {
      if (!isUncertain(error) && cutOff === undefined) throw error;
      cutOff = error;
    }
    if (!changes.isOpen || performance.now() + pauseMs > giveUpAt)
      throw outcomeUnknown(change.project, change.revision, cutOff);
    await delay(pauseMs);
  }
}

/** Inserts, or says who was faster; undefined if whoever that was is gone again. */
async function attempt(
  changes: ChangeCollection,
  change: Change,
  document: ChangeDocument,
): Promise<AppendResult | undefined> {
  try {
    await changes.insert(document);
    return { kind: 'appended' };
  } catch (error) {
    if (!isDuplicate(error)) throw error;
  }
  const { project, revision } = change;
  const done = await earlier(changes, change);
  if (done !== undefined) return done;
  return (await changes.head({ project, revision })) && { kind: 'slot_taken' };
}

/** Whether the change before it is there. Changes never go, so this stays true. */
async function follows(
  changes: ChangeCollection,
  { project, revision, previousHash }: Change,
): Promise<boolean> {
  if (revision <= 1) return revision === 1 && previousHash === '';
  return (await changes.head({ project, revision: revision - 1 }))?.hash === previousHash;
}

async function earlier(changes: ChangeCollection, change: Change): Promise<AppendResult | undefined> {
  const found = await changes.byIdempotencyKey(change.project, change.idempotencyKey);
  return found && { kind: 'already_done', change: found };
}
