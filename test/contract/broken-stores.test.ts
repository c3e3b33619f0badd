import { describe, expect, it } from 'vitest';
import { brokenBuses } from './broken-buses.ts';
import { brokenExposureQueues } from './broken-exposure-queues.ts';
import { brokenExposureStores } from './broken-exposure-stores.ts';
import { brokenFleetRegistries } from './broken-fleet-registries.ts';
import { brokenLogs } from './broken-logs.ts';
import { brokenProjections } from './broken-projections.ts';
import { changeBusChecks } from './change-bus.ts';
import { changeLogChecks } from './change-log.ts';
import { type Check, checkTitled, runCheck, type SeededBug, type Store } from './contract.ts';
import { createExposureModelStore } from './exposure-model-stores.ts';
import { exposureQueueChecks } from './exposure-queue.ts';
import { createSqliteQueueStore } from './exposure-queue-stores.ts';
import { exposureStoreChecks } from './exposure-store.ts';
import { fleetRegistryChecks } from './fleet-registry.ts';
import { createInProcessFleetStore } from './fleet-stores.ts';
import { createHubStore } from './hub-store.ts';
import { projectionChecks } from './projection.ts';
import { createSqliteLogStore, createSqliteProjectionStore } from './sqlite-stores.ts';

/** Tries the contract itself: each bug, put into an adapter that works, must turn its check red. */
function declareTrial<T, S extends Store<T>>(
  name: string,
  checks: readonly Check<S>[],
  bugs: readonly SeededBug<T>[],
  createStore: () => Promise<S>,
): void {
  describe.concurrent(name, () => {
    it.each(bugs)('finds a store that $bug', async ({ foundBy, wrap }) => {
      const createBroken = async () => {
        const store = await createStore();
        return { ...store, open: async () => wrap(await store.open()) };
      };
      await expect(runCheck(checkTitled(checks, foundBy), createBroken)).rejects.toThrow();
    });

    it('has a bug for every check', () => {
      expect(new Set(bugs.map((bug) => bug.foundBy))).toEqual(new Set(checks.map((check) => check.title)));
    });
  });
}

declareTrial('the contract of the change log', changeLogChecks, brokenLogs, createSqliteLogStore);
declareTrial(
  'the contract of the projection',
  projectionChecks,
  brokenProjections,
  createSqliteProjectionStore,
);
declareTrial('the contract of the change bus', changeBusChecks, brokenBuses, createHubStore);
declareTrial(
  'the contract of the fleet registry',
  fleetRegistryChecks,
  brokenFleetRegistries,
  createInProcessFleetStore,
);
declareTrial(
  'the contract of the exposure queue',
  exposureQueueChecks,
  brokenExposureQueues,
  createSqliteQueueStore,
);
declareTrial(
  'the contract of the exposure store',
  exposureStoreChecks,
  brokenExposureStores,
  createExposureModelStore,
);
