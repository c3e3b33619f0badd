import { describe, expect, it } from 'vitest';
import { openSqliteChangeLog } from '../../src/adapters/sqlite/sqlite-change-log.ts';
import { createProject } from '../../src/app/manage/projects.ts';
import { WriteQueue } from '../../src/app/write-queue.ts';
import { FlagError } from '../../src/core/errors.ts';
import { temporaryDirectory } from '../contract/sqlite-stores.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { openInstance } from '../support/instance.ts';
import { switchableLog } from '../support/switchable-log.ts';

const shop = createProject({ key: 'shop', name: '', description: '', environments: ['production'] });
const away = new FlagError('unavailable', 'away', { reason: 'STORE_UNREACHABLE' });

/** A write that ends when it is told to, and notes when it began. */
function held(queue: WriteQueue, begun: string[], name: string, isUrgent = false) {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const result = queue.run(isUrgent, () => {
    begun.push(name);
    return promise;
  });
  result.catch(() => undefined);
  return { result, end: () => resolve(name), fail: (error: unknown) => reject(error) };
}

describe('the writes of a project', () => {
  it('happen one at a time, in the order in which they came, and what is urgent first', async () => {
    const queue = new WriteQueue(createFakeClock());
    const begun: string[] = [];
    const first = held(queue, begun, 'first');
    const others = [
      held(queue, begun, 'second'),
      held(queue, begun, 'halt', true),
      held(queue, begun, 'third'),
      held(queue, begun, 'resume', true),
    ];
    expect([begun, queue.isIdle]).toEqual([['first'], false]);
    for (const each of [first, ...others]) each.end();
    await Promise.all(others.map(({ result }) => result));
    expect(begun).toEqual(['first', 'halt', 'resume', 'second', 'third']);
    expect(queue.isIdle).toBe(true);
  });

  it('go on behind one that is refused', async () => {
    const queue = new WriteQueue(createFakeClock());
    const [first, second] = [held(queue, [], 'first'), held(queue, [], 'second')];
    first.fail(new FlagError('conflict', 'no', { reason: 'WRITE_CONTENTION' }));
    second.end();
    await expect(first.result).rejects.toMatchObject({ kind: 'conflict' });
    expect(await second.result).toBe('second');
  });

  it('are refused together, and never made, while the log cannot be reached', async () => {
    const queue = new WriteQueue(createFakeClock());
    const begun: string[] = [];
    const first = held(queue, begun, 'first');
    const others = [held(queue, begun, 'second'), held(queue, begun, 'halt', true)];
    first.fail(away);
    for (const { result } of [first, ...others])
      await expect(result).rejects.toMatchObject({
        kind: 'unavailable',
        details: { reason: 'STORE_UNREACHABLE' },
      });
    const next = held(queue, begun, 'next');
    next.end();
    await next.result;
    expect(begun).toEqual(['first', 'next']);
  });

  it('are refused, and never made, when they were not begun for ten seconds', async () => {
    const clock = createFakeClock();
    const queue = new WriteQueue(clock);
    const begun: string[] = [];
    const first = held(queue, begun, 'first');
    const second = held(queue, begun, 'second');
    clock.advance(5_000);
    const third = held(queue, begun, 'third');
    clock.advance(5_000);
    await expect(second.result).rejects.toMatchObject({
      kind: 'unavailable',
      details: { reason: 'WRITE_DELAYED', retryAfterMs: 1_000 },
    });
    first.end();
    third.end();
    await third.result;
    expect(begun).toEqual(['first', 'third']);
    expect(clock.pending()).toBe(0);
  });

  it('are refused when a thousand wait already', async () => {
    const queue = new WriteQueue(createFakeClock());
    const first = held(queue, [], 'first');
    const waiting = Array.from({ length: 1_000 }, () => held(queue, [], ''));
    await expect(queue.run(false, async () => undefined)).rejects.toMatchObject({
      details: { reason: 'WRITE_DELAYED' },
    });
    for (const each of [first, ...waiting]) each.end();
    await Promise.all(waiting.map(({ result }) => result));
  });

  it('that were asked for while the log was away do not happen once it is back', async () => {
    await using directory = await temporaryDirectory();
    const link = switchableLog(await openSqliteChangeLog(directory.path));
    await using instance = await openInstance({ log: link.log });
    await instance.commit('shop', shop);
    link.off();
    const flags = ['a', 'b', 'c'].map((id) =>
      instance.commit('shop', (state, now) => {
        const { project } = state;
        if (project === undefined) throw new Error('it is there');
        const renamed = { ...project.state, name: id, updatedAt: now };
        return { operations: [{ op: 'put', object: { kind: 'project', state: renamed } }] };
      }),
    );
    for (const outcome of await Promise.allSettled(flags))
      expect(outcome).toMatchObject({ status: 'rejected', reason: { kind: 'unavailable' } });
    link.on();
    expect((await instance.catalog.catchUp('shop')).revision).toBe(1);
  });
});
