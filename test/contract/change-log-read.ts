import fc from 'fast-check';
import { expect } from 'vitest';
import type { Change, Head } from '../../src/core/change.ts';
import type { ChangeLog } from '../../src/ports/change-log.ts';
import { appendAll, expectLog } from './change-log-append.ts';
import { logModel } from './change-log-model.ts';
import type { Check, Store } from './contract.ts';
import { CONFUSABLE, chain, EXTREMES, flagObject, headOf, inCodePointOrder, secondsIn } from './samples.ts';

const MEBIBYTE = 1_048_576;

/** Reads a project's log page by page, forwards. */
async function readPages(log: ChangeLog, project: string, limit: number): Promise<Change[]> {
  const changes: Change[] = [];
  for (;;) {
    const page = await log.read(project, changes.at(-1)?.revision ?? 0, limit);
    expect(page.length).toBeLessThanOrEqual(limit);
    if (page.length === 0) return changes;
    changes.push(...page);
  }
}

/** Reads a project's log page by page from its end, newest first. */
async function readPagesBack(log: ChangeLog, project: string, limit: number): Promise<Change[]> {
  const changes: Change[] = [];
  for (;;) {
    const before = changes.at(-1)?.revision ?? Number.MAX_SAFE_INTEGER;
    const page = await log.readBack(project, before, limit);
    expect(page.length).toBeLessThanOrEqual(limit);
    if (page.length === 0) return changes;
    changes.push(...page);
  }
}

export const readChecks: readonly Check<Store<ChangeLog>>[] = [
  {
    title: 'returns undefined, nothing or 0 for a project without a log',
    async run(store) {
      await using log = await store.open();
      await appendAll(log, chain('other', 2));
      await expectLog(log, 'shop', []);
      expect(await log.readBack('shop', Number.MAX_SAFE_INTEGER, 10)).toEqual([]);
      expect(await log.byIdempotencyKey('shop', 'request-1')).toBeUndefined();
      expect(await log.revisionAt('shop', secondsIn(1_000))).toBe(0);
    },
  },
  {
    title: 'returns the head of every project that has a log, in code point order',
    async run(store) {
      await using log = await store.open();
      expect(await log.heads()).toEqual([]);
      const heads: Head[] = [];
      for (const [index, project] of CONFUSABLE.entries()) {
        const changes = chain(project, 1 + (index % 3));
        await appendAll(log, changes);
        heads.push(...changes.slice(-1).map(headOf));
      }
      const order = inCodePointOrder(CONFUSABLE);
      expect(await log.heads()).toEqual(
        order.map((project) => heads.find((head) => head.project === project)),
      );
    },
  },
  {
    title: 'reads the changes with after < revision, in order, at most limit of them',
    async run(store) {
      await using log = await store.open();
      const changes = chain('shop', 12);
      await appendAll(log, changes);
      await appendAll(log, chain('other', 20));
      for (const [after, limit] of [
        [0, 1],
        [0, 12],
        [3, 4],
        [11, 5],
        [5, 7],
      ] as const) {
        const page = await log.read('shop', after, limit);
        expect(page).toEqual(changes.slice(after, after + limit).slice(0, page.length));
        expect(page.length).toBeGreaterThan(0);
      }
    },
  },
  {
    title: 'reads an empty list exactly when there is no later change',
    async run(store) {
      await using log = await store.open();
      await appendAll(log, chain('shop', 3));
      expect(await log.read('shop', 2, 1)).toHaveLength(1);
      for (const after of [3, 4, 1_000_000]) expect(await log.read('shop', after, 10)).toEqual([]);
    },
  },
  {
    title: 'reads the same changes whatever the limit, forwards and backwards',
    async run(store) {
      await using log = await store.open();
      const changes = chain('shop', 150);
      await appendAll(log, changes);
      for (const limit of [1, 2, 7, 149, 150, 1_000]) {
        expect(await readPages(log, 'shop', limit)).toEqual(changes);
        expect(await readPagesBack(log, 'shop', limit)).toEqual(changes.toReversed());
      }
    },
  },
  {
    title: 'reads back the changes with revision < before, newest first, at most limit of them',
    async run(store) {
      await using log = await store.open();
      const changes = chain('shop', 6);
      await appendAll(log, changes);
      const backwards = async (before: number, limit: number) =>
        (await log.readBack('shop', before, limit)).map((change) => change.revision);
      expect(await backwards(7, 3)).toEqual([6, 5, 4]);
      expect(await backwards(6, 3)).toEqual([5, 4, 3]);
      expect(await backwards(3, 10)).toEqual([2, 1]);
      expect(await backwards(1, 10)).toEqual([]);
      expect(await backwards(1_000, 1)).toEqual([6]);
    },
  },
  {
    title: 'returns what was appended, to the last code point',
    async run(store) {
      const changes = chain('shop', 2, (revision) => ({
        reason: `because \u{1f600}\uffff\u2028${CONFUSABLE.join()}`,
        actor: `key:\u{10ffff}`,
        idempotencyKey: `\u{1f600}'"\\\n-${revision}`,
        operations: [
          { op: 'put', object: flagObject('extreme', EXTREMES) },
          { op: 'put', object: flagObject('proto', JSON.parse('{"__proto__":{"a":1},"constructor":[]}')) },
          { op: 'delete', id: { kind: 'settings', environment: 'production', key: 'gone' } },
        ],
      }));
      {
        await using log = await store.open();
        await appendAll(log, changes);
        await expectLog(log, 'shop', changes);
      }
      await using log = await store.open();
      await expectLog(log, 'shop', changes);
      const [found] = await log.read('shop', 0, 1);
      expect(JSON.stringify(found)).toContain('"__proto__":{"a":1}');
      expect(await log.byIdempotencyKey('shop', `\u{1f600}'"\\\n-2`)).toEqual(changes[1]);
    },
  },
  {
    title: 'holds changes of a mebibyte, and reads several of them',
    async run(store) {
      await using log = await store.open();
      const changes = chain('shop', 4, (revision) => ({
        operations: [{ op: 'put', object: flagObject('large', `${revision}\u00e9`.repeat(MEBIBYTE / 3)) }],
      }));
      await appendAll(log, changes);
      const texts = (found: readonly Change[]) => found.map((change) => JSON.stringify(change).length);
      for (const limit of [1, 10]) {
        const found = await readPages(log, 'shop', limit);
        expect(found.map(headOf)).toEqual(changes.map(headOf));
        expect(texts(found)).toEqual(texts(changes));
      }
      expect(texts(await readPagesBack(log, 'shop', 3))).toEqual(texts(changes.toReversed()));
    },
  },
  {
    title: 'finds a change by its idempotency key, byte for byte and case-sensitively',
    async run(store) {
      await using log = await store.open();
      const held = CONFUSABLE.filter((_, index) => index % 2 === 0);
      const changes = chain('shop', held.length, (revision) => ({
        idempotencyKey: held[revision - 1] ?? '',
      }));
      await appendAll(log, changes);
      for (const key of CONFUSABLE)
        expect(await log.byIdempotencyKey('shop', key)).toEqual(
          changes.find((change) => change.idempotencyKey === key),
        );
    },
  },
  {
    title: 'answers the highest revision whose time is not after a time, 0 if there is none',
    async run(store) {
      await using log = await store.open();
      const seconds = [10, 10, 10, 20, 30, 30];
      await appendAll(
        log,
        chain('shop', 6, (revision) => ({ time: secondsIn(seconds[revision - 1] ?? 0) })),
      );
      const found = [];
      for (const second of [9.999, 10, 10.001, 19.999, 20, 29, 30, 31])
        found.push(await log.revisionAt('shop', secondsIn(second)));
      expect(found).toEqual([0, 3, 3, 3, 4, 4, 6, 6]);
    },
  },
  {
    title: 'rejects every operation with unavailable once it is disposed',
    async run(store) {
      const log = await store.open();
      const [first, second] = chain('shop', 2);
      if (first === undefined || second === undefined) throw new Error('too short');
      await appendAll(log, [first]);
      await log[Symbol.asyncDispose]();
      const operations: (() => Promise<unknown>)[] = [
        () => log.append(second),
        () => log.head('shop'),
        () => log.heads(),
        () => log.read('shop', 0, 1),
        () => log.readBack('shop', 2, 1),
        () => log.byIdempotencyKey('shop', 'request-1'),
        () => log.revisionAt('shop', secondsIn(1)),
      ];
      for (const operation of operations)
        await expect(operation()).rejects.toMatchObject({ name: 'FlagError', kind: 'unavailable' });
      await using again = await store.open();
      await expectLog(again, 'shop', [first]);
    },
  },
  {
    title: 'does as a list in memory does, whatever is asked of it',
    async run(store) {
      await using log = await store.open();
      let projects = 0;
      await fc.assert(
        fc.asyncProperty(logModel.steps, async (steps) => {
          await logModel.run(log, `random-${projects++}`, steps);
        }),
        { numRuns: 25, seed: 7, interruptAfterTimeLimit: 5_000 },
      );
    },
  },
];
