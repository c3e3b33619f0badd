import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createInProcessHub } from '../../src/adapters/in-process/in-process-bus.ts';
import { openSqliteChangeLog } from '../../src/adapters/sqlite/sqlite-change-log.ts';
import { createFlag } from '../../src/app/manage/flags.ts';
import { temporaryDirectory } from '../contract/sqlite-stores.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { type Instance, openInstance } from '../support/instance.ts';
import { fillShop, onFlag } from '../support/shop.ts';

const clock = createFakeClock();
const open: AsyncDisposable[] = [];
let production: Instance;
let copy: Instance;

beforeEach(async () => {
  const [own, copied] = [await temporaryDirectory(), await temporaryDirectory()];
  const hub = createInProcessHub();
  const start = async (directory: string) =>
    await openInstance({ directory, clock, bus: hub.connect(), log: await openSqliteChangeLog(directory) });
  const before = await start(own.path);
  await fillShop({ instance: before }, 'checkout');
  await before.close();
  await cp(join(own.path, 'changes.db'), join(copied.path, 'changes.db'));
  [production, copy] = [await start(own.path), await start(copied.path)];
  open.push(own, copied, production, copy);
});
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

const flagsOf = ({ catalog }: Instance) => [...catalog.state('shop').flags.keys()];

/** Lets time pass until this is so. */
const inTime = (claim: () => void) =>
  vi.waitFor(() => {
    clock.advance(500);
    claim();
  });

describe('a replica that hears of what another fleet did to a copy of its log', () => {
  it('takes it back when its own log does not know it, and can be written all the while', async () => {
    await copy.commit('shop', createFlag(onFlag('foreign')));
    await vi.waitFor(() => expect(flagsOf(production)).toEqual(['checkout', 'foreign']));
    await inTime(() => expect(flagsOf(production)).toEqual(['checkout']));
    expect(production.catalog.troubles()).toEqual([]);
    expect(production.reports).toContain('a project was read anew');
    await production.commit('shop', createFlag(onFlag('search')));
    await inTime(() =>
      expect([flagsOf(production), flagsOf(copy)]).toEqual([
        ['checkout', 'search'],
        ['checkout', 'foreign'],
      ]),
    );
    expect(copy.catalog.troubles()).toEqual([]);
  });

  it('takes it back also when its own log has gone another way meanwhile', async () => {
    await copy.commit('shop', createFlag(onFlag('foreign')));
    await vi.waitFor(() => expect(flagsOf(production)).toEqual(['checkout', 'foreign']));
    await using other = await openInstance({
      ...{ clock, directory: production.directory },
      log: await openSqliteChangeLog(production.directory),
    });
    await other.commit('shop', createFlag(onFlag('search')));
    await other.commit('shop', createFlag(onFlag('basket')));
    await inTime(() => expect(flagsOf(production)).toEqual(['checkout', 'search', 'basket']));
    expect(production.catalog.troubles()).toEqual([]);
  });

  it('has its watchers told everything anew', async () => {
    const epoch = production.catalog.epoch('shop');
    await copy.commit('shop', createFlag(onFlag('foreign')));
    await inTime(() => expect(production.catalog.epoch('shop')).toBe(epoch + 1));
    expect(flagsOf(production)).toEqual(['checkout']);
  });

  it('looks it up within a fifth of a second', async () => {
    await copy.commit('shop', createFlag(onFlag('foreign')));
    await vi.waitFor(() => expect(flagsOf(production)).toEqual(['checkout', 'foreign']));
    clock.advance(200);
    await vi.waitFor(() => expect(flagsOf(production)).toEqual(['checkout']));
  });

  it('does not follow a log that lacks what it has seen in it', async () => {
    await production.commit('shop', createFlag(onFlag('search')));
    await production.close();
    await cp(join(copy.directory, 'changes.db'), join(production.directory, 'changes.db'));
    await using later = await openInstance({ directory: production.directory, clock });
    await inTime(() => expect(later.catalog.troubles()).toEqual([{ project: 'shop', trouble: 'forked' }]));
    expect(flagsOf(later)).toEqual(['checkout', 'search']);
  });
});
