import fc from 'fast-check';
import { expect } from 'vitest';
import type { Change } from '../../src/core/change.ts';
import type { AppendResult, ChangeLog } from '../../src/ports/change-log.ts';
import { changeAfter, headOf, secondsIn } from './samples.ts';

/** One thing to ask of a log. Numbers are taken relative to the log's length, so that most of them hit something. */
type Step =
  | {
      readonly kind: 'append';
      readonly offset: number;
      readonly key: number;
      readonly fork: boolean;
      readonly waitS: number;
    }
  | { readonly kind: 'repeat'; readonly at: number }
  | { readonly kind: 'read'; readonly after: number; readonly limit: number }
  | { readonly kind: 'readBack'; readonly before: number; readonly limit: number }
  | { readonly kind: 'key'; readonly key: number }
  | { readonly kind: 'time'; readonly second: number };

const small = fc.nat({ max: 20 });
const limit = fc.integer({ min: 1, max: 6 });
const append = fc.record({
  kind: fc.constant('append' as const),
  offset: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.integer({ min: -2, max: 2 })),
  key: fc.nat({ max: 40 }),
  fork: fc.oneof({ weight: 6, arbitrary: fc.constant(false) }, fc.constant(true)),
  waitS: fc.nat({ max: 2 }),
});

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: append },
    fc.record({ kind: fc.constant('repeat' as const), at: small }),
    fc.record({ kind: fc.constant('read' as const), after: small, limit }),
    fc.record({ kind: fc.constant('readBack' as const), before: small, limit }),
    fc.record({ kind: fc.constant('key' as const), key: fc.nat({ max: 40 }) }),
    fc.record({ kind: fc.constant('time' as const), second: fc.nat({ max: 20 }) }),
  ),
  { minLength: 20, maxLength: 60, size: 'max' },
);

function appendToList(list: Change[], change: Change): AppendResult {
  const earlier = list.find((entry) => entry.idempotencyKey === change.idempotencyKey);
  if (earlier !== undefined) return { kind: 'already_done', change: earlier };
  const head = list.at(-1);
  if (change.revision !== list.length + 1 || change.previousHash !== (head?.hash ?? ''))
    return { kind: 'slot_taken' };
  list.push(change);
  return { kind: 'appended' };
}

function nextChange(list: readonly Change[], project: string, step: Step & { kind: 'append' }): Change {
  const head = list.at(-1);
  const lastS = head === undefined ? 0 : (Date.parse(head.time) - Date.parse(secondsIn(0))) / 1_000;
  return changeAfter(project, head, {
    revision: list.length + 1 + step.offset,
    idempotencyKey: `key-${step.key}`,
    time: secondsIn(lastS + step.waitS),
    ...(step.fork ? { previousHash: 'fork' } : {}),
  });
}

async function take(log: ChangeLog, list: Change[], project: string, step: Step): Promise<void> {
  switch (step.kind) {
    case 'append': {
      const change = nextChange(list, project, step);
      expect(await log.append(change)).toEqual(appendToList(list, change));
      return;
    }
    case 'repeat': {
      const change = list[step.at];
      if (change !== undefined) expect(await log.append(change)).toEqual({ kind: 'already_done', change });
      return;
    }
    case 'read': {
      const later = list.filter((change) => change.revision > step.after).slice(0, step.limit);
      const page = await log.read(project, step.after, step.limit);
      expect(page).toEqual(later.slice(0, page.length));
      expect(page.length > 0).toBe(later.length > 0);
      return;
    }
    case 'readBack': {
      const earlier = list.filter((change) => change.revision < step.before).toReversed();
      expect(await log.readBack(project, step.before, step.limit)).toEqual(earlier.slice(0, step.limit));
      return;
    }
    case 'key': {
      const key = `key-${step.key}`;
      expect(await log.byIdempotencyKey(project, key)).toEqual(
        list.find((change) => change.idempotencyKey === key),
      );
      return;
    }
    case 'time': {
      const time = secondsIn(step.second);
      const revision = list.findLast((change) => change.time <= time)?.revision ?? 0;
      expect(await log.revisionAt(project, time)).toBe(revision);
    }
  }
}

/** A log as a list in memory: what to ask at random, and a run that asks both and compares the answers. */
export const logModel = {
  steps,
  async run(log: ChangeLog, project: string, asked: readonly Step[]): Promise<void> {
    const list: Change[] = [];
    for (const step of asked) await take(log, list, project, step);
    const head = list.at(-1);
    expect(await log.head(project)).toEqual(head && headOf(head));
    expect(await log.read(project, 0, 1_000)).toEqual(list);
  },
};
