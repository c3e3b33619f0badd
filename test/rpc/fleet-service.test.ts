import { Code } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createInProcessFleet, type InProcessFleet } from '../../src/adapters/in-process/in-process-fleet.ts';
import { replicaReport } from '../contract/fleet-registry.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { BOOLEAN, errorOf, openService, type Service } from '../support/in-process-service.ts';

let hub: InProcessFleet;
let service: Service;
beforeEach(async () => {
  hub = createInProcessFleet(createFakeClock());
  service = await openService(hub.connect());
  await service.projects.createProject({ projectId: 'shop', environmentIds: ['production'] });
});
afterEach(() => service[Symbol.asyncDispose]());

const name = 'projects/shop/environments/production/flags/checkout';
const createFlag = (waitForFleetMs: number, more = {}) =>
  service.flags.createFlag({
    parent: 'projects/shop',
    flagId: 'checkout',
    flag: BOOLEAN,
    options: { waitForFleetMs, ...more },
  });

/** Lets time pass until the call is answered. */
async function answered<T>(call: Promise<T>): Promise<T> {
  const done = vi.fn();
  void call.then(done, done);
  await vi.waitFor(
    () => {
      service.instance.clock.advance(50);
      expect(done).toHaveBeenCalled();
    },
    { interval: 5, timeout: 10_000 },
  );
  return await call;
}

describe('a write that waits for the fleet', () => {
  test('is answered as soon as every replica has it', async () => {
    const other = hub.connect();
    await other.report(replicaReport('2', { name: 'there', applied: new Map([['shop', 1]]) }));
    const call = createFlag(5_000);
    await vi.waitFor(() => expect(service.instance.catalog.state('shop').revision).toBe(2));
    await other.report(replicaReport('2', { name: 'there', sequence: 2, applied: new Map([['shop', 2]]) }));
    const { receipt } = await answered(call);
    expect(receipt).toMatchObject({ revision: 2n, unchanged: false });
    expect(receipt?.fleet).toMatchObject({
      complete: true,
      membersKnown: true,
      replicas: [
        { name: 'here', revision: 2n, reached: true, trouble: '', quarantined: [] },
        { name: 'there', revision: 2n, reached: true },
      ],
    });
    expect(receipt?.fleet?.elapsedMs).toBeLessThan(5_000);
  });

  test('is done, and says who lags, when the time is over', async () => {
    await hub.connect().report(replicaReport('2', { name: 'there', applied: new Map([['shop', 1]]) }));
    const { receipt } = await answered(createFlag(1_000));
    expect(receipt?.revision).toBe(2n);
    expect(receipt?.fleet).toMatchObject({
      complete: false,
      membersKnown: true,
      replicas: [
        { name: 'here', revision: 2n, reached: true, reachedAfterMs: 0 },
        { name: 'there', revision: 1n, reached: false },
      ],
    });
    expect(receipt?.fleet?.replicas[1]?.reachedAfterMs).toBeUndefined();
    expect(receipt?.fleet?.elapsedMs).toBeGreaterThanOrEqual(1_000);
  });

  test('waits for the revision of the first call when it is repeated, and for the head when it changes nothing', async () => {
    await hub.connect().report(replicaReport('2', { applied: new Map([['shop', 2]]) }));
    const more = { idempotencyKey: 'once' };
    await createFlag(0, more);
    await service.flags.haltFlag({ name });
    const repeated = await createFlag(5_000, more);
    expect(repeated.receipt).toMatchObject({ revision: 2n, replayed: true, fleet: { complete: true } });
    const idle = await answered(service.flags.haltFlag({ name, options: { waitForFleetMs: 500 } }));
    expect(idle.receipt).toMatchObject({ revision: 3n, unchanged: true, fleet: { complete: false } });
  });

  test('does not hold up another write', async () => {
    await hub.connect().report(replicaReport('2', { applied: new Map() }));
    const waiting = createFlag(5_000);
    await vi.waitFor(() => expect(service.instance.catalog.state('shop').revision).toBe(2));
    const { receipt } = await service.flags.haltFlag({ name });
    expect(receipt?.revision).toBe(3n);
    expect((await answered(waiting)).receipt?.fleet?.complete).toBe(false);
  });

  test('does not wait for what is only checked, and says nothing of the fleet unless it is asked', async () => {
    const { receipt: checked } = await createFlag(5_000, { validateOnly: true });
    expect(checked?.fleet).toBeUndefined();
    const { receipt } = await createFlag(0);
    expect(receipt?.fleet).toBeUndefined();
  });

  test('is refused a wait of more than twenty seconds', async () => {
    const error = await errorOf(createFlag(20_001));
    expect(error.code).toBe(Code.InvalidArgument);
    expect(service.instance.catalog.state('shop').revision).toBe(1);
  });
});

describe('the list of replicas', () => {
  test('has every replica, with what it has and what is wrong with it', async () => {
    await hub.connect().report(
      replicaReport('2', {
        name: 'there',
        draining: true,
        stalenessMs: 70,
        applied: new Map([['shop', 1]]),
        troubles: [{ project: 'shop', what: 'forked' }],
        quarantined: [{ project: 'shop', what: 'flag checkout' }],
      }),
    );
    const { replicas, membersKnown } = await service.fleet.listReplicas({});
    expect(membersKnown).toBe(true);
    expect(replicas).toMatchObject([
      {
        ...{ id: 'id of here', name: 'here', version: '1.2.3', answering: true, draining: false },
        ...{ revisions: { 'projects/shop': 1n }, silenceMs: 0, stalenessMs: 0, troubles: [] },
      },
      {
        ...{ id: '2', name: 'there', version: '1.0.0', answering: false, draining: true },
        ...{ revisions: { 'projects/shop': 1n }, silenceMs: 0, stalenessMs: 70 },
        troubles: [{ project: 'projects/shop', what: 'forked' }],
        quarantined: [{ project: 'projects/shop', what: 'flag checkout' }],
      },
    ]);
    expect(replicas[0]?.startTime).toBeDefined();
  });
});
