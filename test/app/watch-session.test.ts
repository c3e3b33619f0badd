import { afterEach, describe, expect, it } from 'vitest';
import { resumeFlag } from '../../src/app/manage/settings.ts';
import type { WatchEvent } from '../../src/app/watch-events.ts';
import type { WatchRequest } from '../../src/app/watch-request.ts';
import { WatchSession } from '../../src/app/watch-session.ts';
import { FlagError } from '../../src/core/errors.ts';
import { type Instance, openInstance } from '../support/instance.ts';
import { createServerKey, fillShop, halt, PLACE, SERVER } from '../support/shop.ts';

const open: Instance[] = [];
afterEach(async () => {
  for (const instance of open.splice(0)) await instance[Symbol.asyncDispose]();
});

async function shop(): Promise<Instance> {
  const instance = await openInstance();
  open.push(instance);
  await fillShop({ instance }, 'checkout');
  await instance.commit('shop', createServerKey);
  return instance;
}

/** A sink that says that it is full as long as it is told to, and what it has taken. */
function watchFrom(instance: Instance, request: Partial<WatchRequest> = {}) {
  const taken: WatchEvent[] = [];
  const ends: unknown[] = [];
  const sink = { isFull: false };
  const session = new WatchSession(
    instance.watch,
    {
      ...{ principal: SERVER, place: PLACE, view: { kind: 'definitions' as const }, flagKeys: undefined },
      ...{ resumeToken: '', terminate: () => void ends.push('terminated') },
      ...request,
    },
    {
      take: (event) => {
        taken.push(event);
        return !sink.isFull;
      },
      end: (error) => void ends.push(error),
    },
  );
  return { taken, ends, sink, session, kinds: () => taken.map(({ kind }) => kind) };
}

const toggle = (instance: Instance, halted: boolean) =>
  instance.commit(
    'shop',
    halted ? halt('checkout') : resumeFlag({ environment: 'production', flag: 'checkout' }),
  );

const turns = async () => {
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
};

describe('a watch that pushes', () => {
  it('begins with the whole, and then tells of each change', async () => {
    const instance = await shop();
    const watcher = watchFrom(instance);
    await turns();
    expect(watcher.kinds()).toEqual(['hello', 'part', 'end']);
    await toggle(instance, true);
    await turns();
    expect(watcher.taken.at(-1)).toMatchObject({ kind: 'delta', from: 3, to: 4 });
    await toggle(instance, false);
    await turns();
    expect(watcher.taken.at(-1)).toMatchObject({ kind: 'delta', from: 4, to: 5 });
    expect(watcher.ends).toEqual([]);
  });

  it('works nothing out for a sink that is full, and goes one step over all it missed when that is drained', async () => {
    const instance = await shop();
    const watcher = watchFrom(instance);
    await turns();
    watcher.sink.isFull = true;
    await toggle(instance, true);
    await turns();
    const before = watcher.taken.length;
    for (const halted of [false, true, false]) await toggle(instance, halted);
    await turns();
    expect(watcher.taken).toHaveLength(before);
    watcher.sink.isFull = false;
    watcher.session.drained();
    expect(watcher.taken).toHaveLength(before + 1);
    expect(watcher.taken.at(-1)).toMatchObject({ kind: 'delta', from: 4, to: 7 });
  });

  it('says the very same to all that take the same step', async () => {
    const instance = await shop();
    const watchers = [watchFrom(instance), watchFrom(instance), watchFrom(instance)];
    await turns();
    await toggle(instance, true);
    await turns();
    const deltas = watchers.map(({ taken }) => taken.at(-1));
    const [first] = deltas;
    expect(first).toMatchObject({ kind: 'delta', to: 4 });
    for (const delta of deltas)
      if (delta?.kind === 'delta' && first?.kind === 'delta') {
        expect(delta.content).toBe(first.content);
        expect(delta.token).toBe(first.token);
      }
  });

  it('says to each what it has not been told, whatever others were told who took the same step', async () => {
    const instance = await shop();
    const quick = watchFrom(instance);
    const slow = watchFrom(instance);
    await turns();
    slow.sink.isFull = true;
    await toggle(instance, true);
    await turns();
    await toggle(instance, false);
    await turns();
    slow.sink.isFull = false;
    slow.session.drained();
    await toggle(instance, true);
    await turns();
    const steps = (watcher: { readonly taken: readonly WatchEvent[] }) =>
      watcher.taken.flatMap((event) => (event.kind === 'delta' ? [[event.from, event.to]] : []));
    expect(steps(quick)).toEqual([
      [3, 4],
      [4, 5],
      [5, 6],
    ]);
    expect(steps(slow)).toEqual([
      [3, 4],
      [4, 5],
      [5, 6],
    ]);
    slow.sink.isFull = true;
    await toggle(instance, false);
    await turns();
    await toggle(instance, true);
    await toggle(instance, false);
    await turns();
    slow.session.drained();
    await turns();
    expect(steps(slow).at(-1)).toEqual([7, 9]);
    expect(steps(quick).at(-1)?.[1]).toBe(9);
  });

  it('sends bookmarks when there is nothing else to say', async () => {
    const instance = await shop();
    const watcher = watchFrom(instance);
    await turns();
    instance.clock.advance(15_000);
    await turns();
    expect(watcher.taken.at(-1)).toMatchObject({ kind: 'bookmark', revision: 3 });
  });

  it('ends with goodbye and its error, and once', async () => {
    const instance = await shop();
    const watcher = watchFrom(instance);
    await turns();
    instance.ending.abort();
    instance.hub.wakeAll();
    await turns();
    expect(watcher.taken.at(-1)).toMatchObject({ kind: 'goodbye', reason: 'shutdown' });
    expect(watcher.ends).toHaveLength(1);
    expect(watcher.ends[0]).toMatchObject({ kind: 'unavailable' });
    instance.hub.wakeAll();
    await turns();
    expect(watcher.ends).toHaveLength(1);
  });

  it('ends with what is wrong with the token', async () => {
    const instance = await shop();
    const watcher = watchFrom(instance, { resumeToken: 'nonsense' });
    await turns();
    expect(watcher.taken).toEqual([]);
    expect(watcher.ends).toEqual([expect.any(FlagError)]);
  });

  it('is let go when it leaves a message lying', async () => {
    const instance = await shop();
    const watcher = watchFrom(instance);
    await turns();
    watcher.sink.isFull = true;
    await toggle(instance, true);
    await turns();
    for (let minute = 0; minute < 8; minute++) instance.clock.advance(15_000);
    expect(watcher.ends).toEqual(['terminated']);
    expect(instance.hub.size).toBe(0);
  });

  it('leaves nothing behind when the watcher leaves', async () => {
    const instance = await shop();
    const watcher = watchFrom(instance);
    watcher.session[Symbol.dispose]();
    await turns();
    expect(watcher.taken).toEqual([]);
    expect(watcher.ends).toEqual([]);
    expect(instance.hub.size).toBe(0);
  });
});
