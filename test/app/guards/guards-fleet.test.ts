import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createInProcessHub } from '../../../src/adapters/in-process/in-process-bus.ts';
import { Guards } from '../../../src/app/guards/guards.ts';
import { createFlag } from '../../../src/app/manage/flags.ts';
import { createProject } from '../../../src/app/manage/projects.ts';
import { createRule } from '../../../src/app/manage/rules.ts';
import { settingsOf } from '../../../src/app/project-state.ts';
import type { Writer } from '../../../src/app/writer.ts';
import type { Change } from '../../../src/core/change.ts';
import type { Guard, Rule } from '../../../src/core/model.ts';
import type { ChangeLog } from '../../../src/ports/change-log.ts';
import type { OutcomeQuery, VariationOutcome } from '../../../src/ports/exposure-store.ts';
import type { Store } from '../../contract/contract.ts';
import { createMongoLogStore } from '../../contract/mongo-stores.ts';
import { createSqliteLogStore } from '../../contract/sqlite-stores.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { type Instance, openInstance } from '../../support/instance.ts';
import { mongoServerOrSkip } from '../../support/mongo-server.ts';
import { checkout } from '../manage/shop.ts';

const START_MS = Date.UTC(2030, 0, 1);
const WINDOW_MS = 60_000;
/** By how much the clocks of the replicas are wrong. */
const AHEAD_MS = [0, 3, 11, 240_000] as const;
const GUARD: Guard = {
  ...{ event: '', worse: 'higher', threshold: 2_000, minimumSample: 100, windowSeconds: WINDOW_MS / 1_000 },
  ...{ stages: [5_000, 20_000, 100_000], onRegression: 'step_back' },
};
const RULE: Rule = {
  ...{ id: 'rollout', name: '', priority: 1, rollout: { weight: 5_000 }, recordExposures: true },
  ...{ serve: { kind: 'variation', variation: 'on' }, guard: GUARD },
};
const AT = { environment: 'production', flag: 'checkout' };
const mongo = await mongoServerOrSkip();

const stores: readonly (readonly [name: string, skip: boolean, create: () => Promise<Store<ChangeLog>>])[] = [
  ['SQLite', false, createSqliteLogStore],
  ['MongoDB', mongo === undefined, () => createMongoLogStore(mongo ?? '')],
];

describe.each(stores)(
  'of four replicas on one log in %s, one with a clock minutes ahead',
  (_, skip, createStore) => {
    describe.skipIf(skip)('with a guarded rollout', () => {
      let store: Store<ChangeLog>;
      let replicas: readonly [Instance, ...Instance[]];
      let brokenFrom: number;
      const guards: Guards[] = [];
      beforeEach(async () => {
        store = await createStore();
        const hub = createInProcessHub();
        const open = async (aheadMs: number) =>
          openInstance({
            log: await store.open(),
            bus: hub.connect(),
            clock: createFakeClock(START_MS + aheadMs),
          });
        const [first, ...others] = AHEAD_MS;
        replicas = [await open(first), ...(await Promise.all(others.map(open)))];
        const shop = createProject({ key: 'shop', name: '', description: '', environments: ['production'] });
        await replicas[0].commit('shop', shop);
        await replicas[0].commit('shop', createFlag({ ...checkout, enabledIn: ['production'] }));
        await replicas[0].commit('shop', createRule(AT, RULE));
        for (const { catalog } of replicas) await catalog.catchUp('shop');
      });
      afterEach(async () => {
        for (const each of guards.splice(0)) each[Symbol.dispose]();
        for (const each of replicas) await each[Symbol.asyncDispose]();
        await store[Symbol.asyncDispose]();
      });

      const weightIn = ({ catalog }: Instance) =>
        settingsOf(catalog.state('shop'), 'production', 'checkout').state.rules[0]?.rollout?.weight ?? -1;

      /** Has a replica watch. Of those with the new checkout a fifth fare badly, once so many have it. */
      function watch(replica: Instance, writer: Pick<Writer, 'commit'> = replica.writer): void {
        const outcomes = async (_place: unknown, { ruleId }: OutcomeQuery): Promise<VariationOutcome[]> => {
          const affected = weightIn(replica) >= brokenFrom ? 40 : 0;
          const rest = { evaluations: 200, events: affected, sum: 0, sumOfSquares: 0 };
          const variation = ruleId === undefined ? 'off' : 'on';
          return [{ variation, subjects: 200, affected: ruleId === undefined ? 0 : affected, ...rest }];
        };
        const { catalog, clock, reports } = replica;
        const report = (problem: string) => reports.push(problem);
        const sharedNow = async () => replicas[0].clock.now();
        guards.push(new Guards({ catalog, writer, clock, store: { outcomes }, report, sharedNow }));
      }

      async function everywhere(claim: (replica: Instance) => void): Promise<void> {
        for (const replica of replicas)
          await vi.waitFor(
            () => {
              for (const { clock } of replicas) clock.advance(500);
              claim(replica);
            },
            { interval: 5, timeout: 20_000 },
          );
        for (const { commit } of replicas) await commit('shop', () => ({ operations: [] }));
      }

      async function deeds(): Promise<readonly Change[]> {
        const changes = await replicas[0].log.read('shop', 0, 1_000);
        return changes.filter(({ actor }) => actor === 'guard');
      }

      test('one takes each step, after a whole window, and it is no news to the others', async () => {
        brokenFrom = 200_000;
        for (const replica of replicas) watch(replica);
        await everywhere((replica) => expect(weightIn(replica)).toBe(100_000));
        const steps = await deeds();
        expect(steps.map(({ reason }) => reason)).toEqual([
          expect.stringMatching(/from 5 % to 20 %$/),
          expect.stringMatching(/from 20 % to 100 %$/),
        ]);
        expect(Date.parse(steps[0]?.time ?? '')).toBeGreaterThanOrEqual(START_MS + WINDOW_MS);
        expect(replicas.flatMap(({ reports }) => reports)).toEqual([]);
      });

      test('one steps back, once for each stage, and the last stage is nobody', async () => {
        brokenFrom = 5_000;
        for (const replica of replicas) watch(replica);
        await everywhere((replica) => expect(weightIn(replica)).toBe(0));
        expect((await deeds()).map(({ action }) => action)).toEqual(['flag.guard.back']);
      });

      test('another acts if one is gone between seeing what to do and doing it', async () => {
        brokenFrom = 5_000;
        const [first, ...others] = replicas;
        watch(first, { commit: () => new Promise(() => undefined) });
        for (const replica of others) watch(replica);
        await everywhere((replica) => expect(weightIn(replica)).toBe(0));
        expect(await deeds()).toHaveLength(1);
      });
    });
  },
);
