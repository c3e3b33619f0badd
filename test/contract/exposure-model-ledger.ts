import { readBatchId } from '../../src/ports/batch-check.ts';
import type { LedgerEntry, LossReason, SequenceRange } from '../../src/ports/exposure-store.ts';
import { type ModelState, STEP_MS } from './exposure-model.ts';
import { inCodePointOrder } from './samples.ts';

/** All entries, in their order. */
export function modelLedger(state: ModelState): LedgerEntry[] {
  const letterNames = state.letters.flatMap(({ id }) => readBatchId(id) ?? []);
  const processes = new Set([...state.batches, ...state.ends, ...letterNames].map(({ process }) => process));
  const entries = inCodePointOrder([...processes]).map((process) => entryOf(state, process));
  return entries.toSorted((a, b) => b.lastAt - a.lastAt);
}

function entryOf(state: ModelState, process: string): LedgerEntry {
  const batches = state.batches.filter((batch) => batch.process === process);
  const ends = state.ends.filter((end) => end.process === process);
  const letters = state.letters
    .map((letter) => ({ ...letter, ...readBatchId(letter.id) }))
    .filter((letter) => letter.process === process);
  const storedSequences = new Set(batches.map(({ sequence }) => sequence));
  const unstored = letters.filter(({ sequence }) => sequence === undefined || !storedSequences.has(sequence));
  const arrived = new Set([...storedSequences, ...letters.map(({ sequence }) => sequence)]);
  const declared = batches.flatMap(({ losses }) => losses);

  const accepted = Math.max(
    ...batches.map((batch) => batch.acceptedSoFar),
    ...ends.map((end) => end.accepted),
    0,
  );
  const stored = sum(batches.map(({ units }) => units));
  const deadLettered = sum(unstored.map(({ units }) => units ?? 0));
  const lost = new Map<LossReason, number>();
  const lose = (reason: LossReason, units: number) =>
    units > 0 && lost.set(reason, (lost.get(reason) ?? 0) + units);
  for (const { reason, units, sequence } of declared) if (sequence === undefined) lose(reason, units);
  for (const { reason, units, sequence } of onceEach(batches))
    if (!arrived.has(sequence)) lose(reason, units);
  if (ends.length > 0) lose('killed', accepted - stored - deadLettered - sum([...lost.values()]));

  const known = [...arrived, ...declared.map(({ sequence }) => sequence)].filter((one) => one !== undefined);
  const times = [...batches.flatMap(timesOf), ...letters.map(({ at }) => at), ...ends.map(({ at }) => at)];
  return {
    ...{ process, accepted, stored, deadLettered, lost },
    highestSequence: Math.max(0, ...known),
    missing: gapsIn(new Set(known)),
    firstAt: Math.min(...times),
    lastAt: Math.max(...times),
  };
}

/** What was declared of a sequence for a reason: in one batch all of it, in several the most. */
function onceEach(batches: ModelState['batches']) {
  const most = new Map<string, { reason: LossReason; sequence: number; units: number }>();
  for (const { losses } of batches) {
    const here = new Map<string, { reason: LossReason; sequence: number; units: number }>();
    for (const { reason, sequence, units } of losses) {
      if (sequence === undefined) continue;
      const key = `${reason} ${sequence}`;
      here.set(key, { reason, sequence, units: units + (here.get(key)?.units ?? 0) });
    }
    for (const [key, loss] of here) if (loss.units >= (most.get(key)?.units ?? 0)) most.set(key, loss);
  }
  return most.values();
}

function timesOf({ hour, evaluations, events }: ModelState['batches'][number]): number[] {
  const times = [...evaluations, ...events].map(({ time }) => time);
  return times.length > 0 ? times : [hour * STEP_MS.hour];
}

function gapsIn(known: ReadonlySet<number>): SequenceRange[] {
  const gaps: SequenceRange[] = [];
  let before = 0;
  for (const sequence of [...known].sort((a, b) => a - b)) {
    if (sequence > before + 1) gaps.push({ from: before + 1, to: sequence - 1 });
    before = sequence;
  }
  return gaps;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
