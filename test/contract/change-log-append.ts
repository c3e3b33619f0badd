import { expect } from 'vitest';
import { canonicalJson } from '../../src/core/canonical-json.ts';
import type { Change } from '../../src/core/change.ts';
import type { ChangeLog } from '../../src/ports/change-log.ts';
import type { Check, Store } from './contract.ts';
import { CONFUSABLE, chain, changeAfter, flagObject, headOf } from './samples.ts';

const APPENDED = { kind: 'appended' };
const SLOT_TAKEN = { kind: 'slot_taken' };

/** Appends changes that each must fit. */
export async function appendAll(log: ChangeLog, changes: readonly Change[]): Promise<void> {
  for (const change of changes) expect(await log.append(change)).toEqual(APPENDED);
}

/** Demands that a project's log is exactly these changes, by every way of looking at it. */
export async function expectLog(log: ChangeLog, project: string, changes: readonly Change[]): Promise<void> {
  const last = changes.at(-1);
  expect(await log.read(project, 0, changes.length + 10)).toEqual(changes);
  expect(await log.head(project)).toEqual(last && headOf(last));
  expect((await log.heads()).find((head) => head.project === project)).toEqual(last && headOf(last));
}

async function expectRefused(log: ChangeLog, kept: readonly Change[], refused: Change): Promise<void> {
  expect(await log.append(refused)).toEqual(SLOT_TAKEN);
  await expectLog(log, refused.project, kept);
  expect(await log.byIdempotencyKey(refused.project, refused.idempotencyKey)).toBeUndefined();
}

export const appendChecks: readonly Check<Store<ChangeLog>>[] = [
  {
    title: 'answers appended for revision 1 of a new project and for each next one',
    async run(store) {
      await using log = await store.open();
      const changes = chain('shop', 5);
      await appendAll(log, changes);
      await expectLog(log, 'shop', changes);
    },
  },
  {
    title: 'keeps what it acknowledged when it is opened again',
    async run(store) {
      const changes = chain('shop', 5);
      {
        await using log = await store.open();
        await appendAll(log, changes);
      }
      await using log = await store.open();
      await expectLog(log, 'shop', changes);
      expect(await log.byIdempotencyKey('shop', 'request-2')).toEqual(changes[1]);
      await appendAll(log, [changeAfter('shop', changes.at(-1))]);
    },
  },
  {
    title: 'answers slot_taken, and changes nothing, for a revision that is taken',
    async run(store) {
      await using log = await store.open();
      const changes = chain('shop', 3);
      await appendAll(log, changes);
      for (const rival of chain('shop', 3, (revision) => ({ idempotencyKey: `rival-${revision}` })))
        await expectRefused(log, changes, rival);
      await expectRefused(log, changes, changeAfter('shop', changes[1], { idempotencyKey: 'same-parent' }));
    },
  },
  {
    title: 'answers slot_taken, and changes nothing, for a revision that would leave a gap',
    async run(store) {
      await using log = await store.open();
      const changes = chain('shop', 4);
      await expectRefused(log, [], changeAfter('shop', undefined, { revision: 2 }));
      await expectRefused(log, [], changeAfter('shop', undefined, { revision: 0 }));
      await appendAll(log, changes.slice(0, 2));
      for (const revision of [4, 5, 1_000_000])
        await expectRefused(log, changes.slice(0, 2), changeAfter('shop', changes[1], { revision }));
      await appendAll(log, changes.slice(2));
    },
  },
  {
    title: 'answers slot_taken, and changes nothing, unless previousHash is the hash of the head',
    async run(store) {
      await using log = await store.open();
      const [first, second] = chain('shop', 2);
      if (first === undefined || second === undefined) throw new Error('too short');
      await expectRefused(log, [], changeAfter('shop', undefined, { previousHash: first.hash }));
      await appendAll(log, [first, second]);
      for (const previousHash of ['', first.hash, second.hash.toUpperCase(), `${second.hash} `])
        await expectRefused(log, [first, second], changeAfter('shop', second, { previousHash }));
      await appendAll(log, [changeAfter('shop', second)]);
    },
  },
  {
    title:
      'answers already_done with the earlier change, and changes nothing, for an idempotency key it holds',
    async run(store) {
      await using log = await store.open();
      const changes = chain('shop', 3);
      await appendAll(log, changes);
      const again = changeAfter('shop', changes[2], { idempotencyKey: 'request-2', reason: 'again' });
      expect(await log.append(again)).toEqual({ kind: 'already_done', change: changes[1] });
      await expectLog(log, 'shop', changes);
    },
  },
  {
    title: 'answers already_done before slot_taken',
    async run(store) {
      await using log = await store.open();
      const changes = chain('shop', 3);
      await appendAll(log, changes);
      const misplaced: Partial<Change>[] = [
        { revision: 1 },
        { revision: 3 },
        { revision: 9 },
        { previousHash: 'x' },
      ];
      for (const parts of misplaced) {
        const again = changeAfter('shop', changes[2], { idempotencyKey: 'request-2', ...parts });
        expect(await log.append(again)).toEqual({ kind: 'already_done', change: changes[1] });
      }
      await expectLog(log, 'shop', changes);
    },
  },
  {
    title: 'answers already_done for the very change that holds a slot, head or not',
    async run(store) {
      await using log = await store.open();
      const changes = chain('shop', 3);
      await appendAll(log, changes);
      for (const change of changes)
        expect(await log.append(change)).toEqual({ kind: 'already_done', change });
      await expectLog(log, 'shop', changes);
    },
  },
  {
    title: 'keeps the logs and idempotency keys of projects apart, byte for byte and case-sensitively',
    async run(store) {
      await using log = await store.open();
      const changes = CONFUSABLE.map((project) =>
        changeAfter(project, undefined, { reason: `of ${project}` }),
      );
      await appendAll(log, changes);
      for (const change of changes) {
        await expectLog(log, change.project, [change]);
        expect(await log.byIdempotencyKey(change.project, 'request-1')).toEqual(change);
      }
    },
  },
  {
    title: 'tells idempotency keys apart byte for byte and case-sensitively when it appends',
    async run(store) {
      await using log = await store.open();
      const changes = chain('shop', CONFUSABLE.length, (revision) => ({
        idempotencyKey: CONFUSABLE[revision - 1] ?? '',
      }));
      await appendAll(log, changes);
      await expectLog(log, 'shop', changes);
    },
  },
  {
    title: 'refuses a project or an idempotency key with a lone surrogate, and finds none that is like it',
    async run(store) {
      await using log = await store.open();
      const replaced = changeAfter('shop', undefined, { idempotencyKey: 'key \ufffd' });
      await appendAll(log, [replaced]);
      const lone = { idempotencyKey: 'key \ud800' };
      for (const change of [
        changeAfter('shop', replaced, lone),
        changeAfter('shop \udfff', undefined),
        changeAfter('shop \ud800', undefined),
      ])
        await expect(log.append(change)).rejects.toMatchObject({ name: 'FlagError', kind: 'invalid' });
      expect(await log.byIdempotencyKey('shop', lone.idempotencyKey)).toBeUndefined();
      await expectLog(log, 'shop', [replaced]);
      expect(await log.heads()).toEqual([headOf(replaced)]);
    },
  },
  {
    title: 'holds a change of 20 MiB, or refuses it as exhausted, and takes the next one either way',
    async run(store) {
      await using log = await store.open();
      const first = changeAfter('shop', undefined);
      await appendAll(log, [first]);
      const operations: Change['operations'] = [
        { op: 'put', object: flagObject('huge', 'v'.repeat(20 * 2 ** 20)) },
      ];
      const huge = changeAfter('shop', first, { operations, idempotencyKey: 'huge' });
      const outcome = await log.append(huge).catch((error: unknown) => error);
      if (outcome instanceof Error) {
        expect(outcome).toMatchObject({ name: 'FlagError', kind: 'exhausted' });
        await appendAll(log, [changeAfter('shop', first)]);
        expect(await log.byIdempotencyKey('shop', 'huge')).toBeUndefined();
      } else {
        await appendAll(log, [changeAfter('shop', huge)]);
        // By its text: where they differ, nobody would want to see how.
        const found = await log.byIdempotencyKey('shop', 'huge');
        expect(canonicalJson(found) === canonicalJson(huge)).toBe(true);
      }
      expect((await log.head('shop'))?.revision).toBe(outcome instanceof Error ? 2 : 3);
    },
  },
];
