import { cp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createInProcessBus } from '../../src/adapters/in-process/in-process-bus.ts';
import { openSqliteChangeLog } from '../../src/adapters/sqlite/sqlite-change-log.ts';
import { openSqliteProjection } from '../../src/adapters/sqlite/sqlite-projection.ts';
import { Catalog } from '../../src/app/catalog.ts';
import { createFlag } from '../../src/app/manage/flags.ts';
import { SYSTEM } from '../../src/app/principal.ts';
import { Projector } from '../../src/app/projector.ts';
import type { AccessKey } from '../../src/core/model.ts';
import type { ChangeLog } from '../../src/ports/change-log.ts';
import type { Projection } from '../../src/ports/projection.ts';
import { temporaryDirectory } from '../contract/sqlite-stores.ts';
import { answer, openReplicas, type Replica, type Replicas, revisionOf } from '../support/replicas.ts';
import { fillShop, halt, onFlag } from '../support/shop.ts';
import { switchableLog } from '../support/switchable-log.ts';

const UNKNOWN_AGE = 0xffff_ffff;
const KEY: AccessKey = {
  ...{ id: 'admin', kind: 'admin', name: '', scopes: [], allowedOrigins: [], secretHash: '00' },
  createdAt: '2030-01-01T00:00:00.000Z',
};

let replicas: Replicas;
beforeEach(async () => {
  replicas = await openReplicas();
});
afterEach(() => replicas[Symbol.asyncDispose]());

describe('a replica that starts while the log cannot be reached', () => {
  it('serves what it had saved, refuses writes, and converges when the log is back', async () => {
    const [one, other] = [await replicas.open(), await replicas.open()];
    await fillShop(one, 'checkout');
    await vi.waitFor(() => expect(revisionOf(other)).toBe(2));
    await other.stop();
    await one.instance.commit('shop', halt('checkout'));
    await other.start({ log: 'off' });
    expect(answer(other, 'checkout')).toMatchObject({ value: true, flagVersion: 2 });
    await expect(other.instance.commit('shop', createFlag(onFlag('late')))).rejects.toMatchObject({
      kind: 'unavailable',
      details: { reason: 'STORE_UNREACHABLE', retryAfterMs: 1_000 },
    });
    other.link.on();
    await vi.waitFor(() => {
      replicas.clock.advance(2_000);
      expect(answer(other, 'checkout')).toMatchObject({ value: true, reason: 'HALTED' });
    });
    expect(other.instance.catalog.stalenessMs('shop')).toBeLessThanOrEqual(2_000);
    expect(other.instance.reports).toEqual([
      'cannot reach the log',
      'begins with what was saved, for the log cannot be reached',
      'the log is reached again',
    ]);
    await other.instance.commit('shop', createFlag(onFlag('late')));
    await vi.waitFor(() => expect(revisionOf(one)).toBe(4));
  });

  it('serves what it had saved also if the log says nothing for half a second', async () => {
    const replica = await replicas.open();
    await fillShop(replica, 'checkout');
    await replica.stop();
    let isStarted = false;
    const starting = replica.start({ log: 'hang' }).then(() => {
      isStarted = true;
    });
    const before = replicas.clock.monotonic();
    await vi.waitFor(() => {
      if (replicas.clock.pending() > 0 && !isStarted) replicas.clock.advance(100);
      expect(isStarted).toBe(true);
    });
    await starting;
    expect(replicas.clock.monotonic() - before).toBeLessThanOrEqual(600);
    expect(answer(replica, 'checkout')).toMatchObject({ value: true, flagVersion: 2 });
    replica.link.on();
    await vi.waitFor(() => expect(replica.instance.catalog.silenceMs()).toBeLessThan(2_000));
  });

  it('says how old all of that is once it has restored the log of the instance too', async () => {
    const replica = await replicas.open();
    await fillShop(replica, 'checkout');
    await replica.instance.commit(SYSTEM, () => ({
      operations: [{ op: 'put', object: { kind: 'key', state: KEY } }],
    }));
    await replica.stop();
    replicas.clock.advance(3_600_000);
    await replica.start({ log: 'off' });
    const { catalog } = replica.instance;
    expect([catalog.silenceMs(), catalog.stalestMs()]).toEqual([Number.POSITIVE_INFINITY, 3_600_000]);
  });

  it('says how old that is by the time that has passed since it was last known to be the newest', async () => {
    const replica = await replicas.open();
    await fillShop(replica, 'checkout');
    await replica.stop();
    replicas.clock.advance(3_600_000);
    await replica.start({ log: 'off' });
    const { catalog } = replica.instance;
    expect(catalog.stalenessMs('shop')).toBe(3_600_000);
    expect(catalog.stalestMs()).toBe(Number.POSITIVE_INFINITY);
    replicas.clock.advance(500);
    expect(catalog.stalenessMs('shop')).toBe(3_600_500);
  });

  it('does not claim to be younger than it is, whatever happened since the age was noted', async () => {
    const [one, other] = [await replicas.open(), await replicas.open()];
    await fillShop(one, 'checkout');
    await vi.waitFor(() => expect(revisionOf(other)).toBe(2));
    // It is cut off: what it notes from now on must not be as of now.
    other.link.off();
    await one.instance.commit('shop', halt('checkout'));
    replicas.clock.advance(60_000);
    await other.stop();
    await other.start({ log: 'off' });
    expect(other.instance.catalog.stalenessMs('shop')).toBeGreaterThanOrEqual(60_000);
  });

  it('does not know how old it is when the clock of the machine was set back', async () => {
    const replica = await replicas.open();
    await fillShop(replica, 'checkout');
    await replica.stop();
    replicas.clock.jump(-1);
    await replica.start({ log: 'off' });
    expect(replica.instance.catalog.stalenessMs('shop')).toBe(UNKNOWN_AGE);
  });

  it('waits, and says so, if it has nothing saved', async () => {
    const one = await replicas.open();
    await fillShop(one, 'checkout');
    await using directory = await temporaryDirectory();
    const { log, off, on } = switchableLog(await openSqliteChangeLog(replicas.logDirectory));
    await using projection = await openSqliteProjection(directory.path);
    const reports: string[] = [];
    const report = (problem: string) => void reports.push(problem);
    await using bus = createInProcessBus();
    const { clock } = replicas;
    off();
    await using catalog = new Catalog({ log, bus, projection, clock, report });
    let isStarted = false;
    const starting = catalog.start().then(() => {
      isStarted = true;
    });
    for (let seconds = 0; seconds < 20; seconds++) {
      clock.advance(1_000);
      await catalog.refresh();
    }
    expect([isStarted, catalog.isReachable]).toEqual([false, false]);
    expect(reports).toEqual(['cannot reach the log', 'waits for the log, for nothing was saved']);
    on();
    clock.advance(2_000);
    await starting;
    expect(catalog.known('shop')?.revision).toBe(2);
  });

  it('stops waiting when it is to stop', async () => {
    await using directory = await temporaryDirectory();
    const { log, off } = switchableLog(await openSqliteChangeLog(directory.path));
    off();
    await using projection = await openSqliteProjection(directory.path);
    await using bus = createInProcessBus();
    const catalog = new Catalog({ log, bus, projection, clock: replicas.clock, report: () => undefined });
    const starting = catalog.start();
    await catalog[Symbol.asyncDispose]();
    await expect(starting).rejects.toMatchObject({ kind: 'unavailable' });
  });
});

describe('what a replica has saved', () => {
  const file = 'projection.db';

  it.each<[string, (path: string) => Promise<void>]>([
    ['emptied', (path) => truncate(path, 0)],
    ['cut short', (path) => truncate(path, 6_000)],
    ['no database', (path) => writeFile(path, 'vexil '.repeat(4_000))],
    [
      'with one flag turned off',
      async (path) => {
        const text = (await readFile(path)).toString('latin1');
        expect(text).toContain('"enabled":true');
        await writeFile(path, text.replace('"enabled":true', '"enabled":nope'), 'latin1');
      },
    ],
  ])('is never served when it is %s: the log is', async (_how, harm) => {
    const replica = await replicas.open();
    await fillShop(replica, 'checkout');
    await replica.stop();
    await rm(join(replica.directory, `${file}-wal`), { force: true });
    await harm(join(replica.directory, file));
    await replica.start();
    expect(answer(replica, 'checkout')).toMatchObject({ value: true });
    expect(replica.instance.catalog.troubles()).toEqual([]);
    await replica.instance.projector.flush();
    await replica.stop();
    await replica.start({ log: 'off' });
    expect(answer(replica, 'checkout')).toMatchObject({ value: true });
  });

  it('is not served for long if it is of another instance', async () => {
    await using others = await openReplicas();
    const [stranger, own] = [await others.open(), await replicas.open()];
    await fillShop(stranger, 'checkout', 'strange');
    await fillShop(own, 'checkout');
    await stranger.stop();
    await own.stop();
    await cp(join(stranger.directory, file), join(own.directory, file));
    await rm(join(own.directory, `${file}-wal`), { force: true });
    await own.start();
    expect(revisionOf(own)).toBe(2);
    expect(answer(own, 'strange')).toMatchObject({ errorCode: 'FLAG_NOT_FOUND' });
    expect(own.instance.catalog.troubles()).toEqual([]);
  });

  it('is served on, and not written, if the log is an older one of the same history', async () => {
    const replica = await replicas.open();
    await fillShop(replica, 'checkout');
    await replica.instance.projector.flush();
    await using backup = await temporaryDirectory();
    await cp(replicas.logDirectory, backup.path, { recursive: true });
    await replica.instance.commit('shop', halt('checkout'));
    await replica.stop();
    await rm(replicas.logDirectory, { recursive: true });
    await cp(backup.path, replicas.logDirectory, { recursive: true });
    await replica.start();
    expect(answer(replica, 'checkout')).toMatchObject({ reason: 'HALTED' });
    expect(replica.instance.catalog.troubles()).toEqual([{ project: 'shop', trouble: 'forked' }]);
  });
});

describe('a replica that has nothing saved', () => {
  it('begins with what all replicas keep up together, and reads only the rest of the log', async () => {
    const one = await replicas.open();
    await fillShop(one, 'checkout');
    for (let index = 0; index < 20; index++)
      await one.instance.commit('shop', createFlag(onFlag(`flag-${index}`)));
    await using shared = await sharedBy(one);
    await one.instance.commit('shop', halt('checkout'));
    const fresh = await loaded(shared);
    expect(fresh.state).toEqual(one.instance.catalog.known('shop'));
    expect(fresh.genesis).toBe(one.instance.catalog.genesis('shop'));
    expect(fresh.changesRead).toBeLessThan(5);
  });

  it('reads all of the log if that is of another history, or cannot be had', async () => {
    await using others = await openReplicas();
    const [stranger, one] = [await others.open(), await replicas.open()];
    await fillShop(stranger, 'checkout', 'strange');
    await fillShop(one, 'checkout');
    await using shared = await sharedBy(stranger);
    expect((await loaded(shared)).state).toEqual(one.instance.catalog.known('shop'));
    await shared[Symbol.asyncDispose]();
    expect((await loaded(shared)).state).toEqual(one.instance.catalog.known('shop'));
  });

  /** What the replica knows, where others can have it. */
  async function sharedBy({ instance }: Replica): Promise<Projection> {
    const directory = await temporaryDirectory();
    const projection = await openSqliteProjection(directory.path);
    const { catalog, clock } = instance;
    const report = () => undefined;
    await using projector = new Projector({ catalog, projection, clock, report, repairs: true });
    await projector.flush();
    return {
      ...projection,
      async [Symbol.asyncDispose]() {
        await projection[Symbol.asyncDispose]();
        await directory[Symbol.asyncDispose]();
      },
    };
  }

  async function loaded(shared: Projection) {
    await using directory = await temporaryDirectory();
    await using truth = await openSqliteChangeLog(replicas.logDirectory);
    let changesRead = 0;
    const read: ChangeLog['read'] = async (...args) => {
      const changes = await truth.read(...args);
      changesRead += changes.length;
      return changes;
    };
    const log = { ...truth, read };
    await using projection = await openSqliteProjection(directory.path);
    await using bus = createInProcessBus();
    const { clock } = replicas;
    await using catalog = new Catalog({ log, bus, projection, shared, clock, report: () => undefined });
    await catalog.start();
    return { state: catalog.known('shop'), genesis: catalog.genesis('shop'), changesRead };
  }
});
