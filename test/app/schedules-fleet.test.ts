import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createInProcessHub, type InProcessHub } from '../../src/adapters/in-process/in-process-bus.ts';
import { hashOf } from '../../src/app/change-hash.ts';
import { createFlag } from '../../src/app/manage/flags.ts';
import { createProject } from '../../src/app/manage/projects.ts';
import { scheduleChange } from '../../src/app/manage/schedule.ts';
import { settingsOf } from '../../src/app/project-state.ts';
import type { Change } from '../../src/core/change.ts';
import type { ChangeLog } from '../../src/ports/change-log.ts';
import type { Store } from '../contract/contract.ts';
import { createMongoLogStore } from '../contract/mongo-stores.ts';
import { createSqliteLogStore } from '../contract/sqlite-stores.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { type Instance, openInstance } from '../support/instance.ts';
import { mongoServerOrSkip } from '../support/mongo-server.ts';
import { checkout } from './manage/shop.ts';

const MINUTE_MS = 60_000;
const START_MS = Date.UTC(2030, 0, 1);
const DUE = new Date(START_MS + MINUTE_MS).toISOString();
const FLAGS = Array.from({ length: 20 }, (_, index) => `f-${index}`);
const mongo = await mongoServerOrSkip();

const stores: readonly (readonly [name: string, skip: boolean, create: () => Promise<Store<ChangeLog>>])[] = [
  ['SQLite', false, createSqliteLogStore],
  ['MongoDB', mongo === undefined, () => createMongoLogStore(mongo ?? '')],
];

describe.each(stores)('of three replicas on one log in %s', (_, skip, createStore) => {
  describe.skipIf(skip)('with scheduled changes', () => {
    let store: Store<ChangeLog>;
    let hub: InProcessHub;
    let replicas: readonly [Instance, ...Instance[]];
    beforeEach(async () => {
      store = await createStore();
      hub = createInProcessHub();
      // The clocks differ a little, so what two of them write is never the same to the last bit.
      const open = async (aheadMs: number) =>
        openInstance({
          log: await store.open(),
          bus: hub.connect(),
          clock: createFakeClock(START_MS + aheadMs),
        });
      replicas = [await open(0), await open(7), await open(13)];
      const environments = ['production'];
      const shop = createProject({ key: 'shop', name: '', description: '', environments });
      await replicas[0].commit('shop', shop);
      for (const key of FLAGS)
        await replicas[0].commit('shop', createFlag({ ...checkout, key, enabledIn: environments }));
    });
    afterEach(async () => {
      for (const each of replicas) await each[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    });

    const settings = ({ catalog }: Instance, flag: string) =>
      settingsOf(catalog.state('shop'), 'production', flag).state;

    /** Lets time pass until this is so on every replica. */
    async function everywhere(claim: (replica: Instance) => void): Promise<void> {
      for (const replica of replicas)
        await vi.waitFor(
          () => {
            for (const { clock } of replicas) clock.advance(100);
            claim(replica);
          },
          { timeout: 20_000 },
        );
      // Writes of a project are serial: whatever was begun before has come to its end.
      for (const { commit } of replicas) await commit('shop', () => ({ operations: [] }));
    }

    /** What the log says was done by schedule. */
    async function madeBySchedule(): Promise<readonly Change[]> {
      const changes = await replicas[0].log.read('shop', 0, 1_000);
      return changes.filter(({ actor }) => actor === 'schedule');
    }

    const reports = () => replicas.flatMap((replica) => replica.reports);

    test('one makes each change, and it is no news to the others', async () => {
      for (const flag of FLAGS) {
        const change = { id: 'off', at: DUE, action: { kind: 'disable' }, by: 'anna' } as const;
        await replicas[0].commit('shop', scheduleChange({ environment: 'production', flag }, change));
      }
      for (const { catalog } of replicas) await catalog.catchUp('shop');
      // From now on they find out about each other from the log alone.
      using _cut = hub.cut();
      const { revision } = replicas[0].catalog.state('shop');
      for (const { clock } of replicas) clock.advance(MINUTE_MS);
      await everywhere(({ catalog }) => expect(catalog.state('shop').revision).toBe(revision + FLAGS.length));
      const made = await madeBySchedule();
      expect(made.map(({ action }) => action)).toEqual(FLAGS.map(() => 'flag.scheduled.disable'));
      expect(new Set(made.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(FLAGS.length);
      for (const replica of replicas)
        for (const flag of FLAGS)
          expect(settings(replica, flag)).toMatchObject({ enabled: false, scheduledChanges: [] });
      expect(reports()).toEqual([]);
    });

    test('one drops what has become impossible, and says so', async () => {
      const action = { kind: 'rollout', ruleId: 'none', weight: 1 } as const;
      const { revision, hash, time } = replicas[0].catalog.state('shop');
      // As an older version may have written it: a change that refers to nothing is refused today.
      const state = {
        ...settings(replicas[0], 'f-0'),
        scheduledChanges: [{ id: 'gone', at: DUE, action, by: 'anna' }],
      };
      const unsealed: Omit<Change, 'hash'> = {
        ...{ format: 1, project: 'shop', revision: revision + 1, previousHash: hash, time },
        ...{ action: 'test', actor: 'test', reason: '', idempotencyKey: 'raw', requestDigest: '' },
        operations: [{ op: 'put', object: { kind: 'settings', environment: 'production', state } }],
      };
      await replicas[0].log.append({ ...unsealed, hash: hashOf(unsealed) });
      for (const { catalog } of replicas) await catalog.catchUp('shop');
      for (const { clock } of replicas) clock.advance(MINUTE_MS);
      await everywhere((replica) => expect(settings(replica, 'f-0').scheduledChanges).toEqual([]));
      expect((await madeBySchedule()).map((change) => change.action)).toEqual(['flag.scheduled.drop']);
      expect(reports()).toEqual(['a scheduled change is not possible any more and was dropped']);
    });
  });
});
