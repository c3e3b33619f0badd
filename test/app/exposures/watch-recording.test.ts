import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { decodeBatch } from '../../../src/app/exposures/batch-text.ts';
import { Recorder } from '../../../src/app/exposures/recorder.ts';
import { watch } from '../../../src/app/watch.ts';
import type { WatchParts, WatchRequest } from '../../../src/app/watch-request.ts';
import { WatchSession } from '../../../src/app/watch-session.ts';
import { type Instance, openInstance } from '../../support/instance.ts';
import { createServerKey, fillShop, halt, PLACE, SERVER } from '../../support/shop.ts';
import { ScriptedQueue } from './scripted-queue.ts';

const ann = { targetingKey: 'ann', attributes: {} };
let instance: Instance;

beforeEach(async () => {
  instance = await openInstance();
  await fillShop({ instance }, 'banner', 'checkout');
  await instance.commit('shop', createServerKey);
});

afterEach(async () => {
  await instance[Symbol.asyncDispose]();
});

/** What is recorded while somebody watches in this way and a flag is halted. */
async function recordedBy(
  begin: (parts: WatchParts, request: WatchRequest) => Disposable,
  view: WatchRequest['view'],
) {
  const queue = new ScriptedQueue();
  const { catalog, clock } = instance;
  const report = () => undefined;
  const recorder = new Recorder({
    ...{ catalog, queue, clock, process: 'run', pepper: 'pepper', maxBytes: 2 ** 20, report },
  });
  const request = {
    ...{ principal: SERVER, place: PLACE, view, flagKeys: undefined, resumeToken: '', client: 'app/1' },
    terminate: () => undefined,
  };
  using _watching = begin({ ...instance.watch, recorder }, request);
  await turns();
  await instance.commit('shop', halt('checkout'));
  await turns();
  await recorder.stop(1);
  return [...queue.kept].flatMap(([id, bytes]) => decodeBatch(bytes, id).evaluations);
}

function pushing(parts: WatchParts, request: WatchRequest): Disposable {
  return new WatchSession(parts, request, { take: () => true, end: () => undefined });
}

function pulling(parts: WatchParts, request: WatchRequest): Disposable {
  const leaving = new AbortController();
  const follow = async () => {
    for await (const _ of watch(parts, request, leaving.signal));
  };
  follow().catch(() => undefined);
  return { [Symbol.dispose]: () => leaving.abort() };
}

describe.each([
  ['pushed', pushing],
  ['pulled', pulling],
])('a watch that is %s', (_, begin) => {
  test('records each decision that is sent: all at first, then those that became different', async () => {
    const evaluations = await recordedBy(begin, { kind: 'decisions', context: ann });
    expect(evaluations.map(({ flag, reason }) => `${flag} ${reason}`)).toEqual([
      ...['banner DEFAULT', 'checkout DEFAULT', 'checkout HALTED'],
    ]);
    for (const each of evaluations)
      expect(each).toMatchObject({ source: 'watch', subject: 'ann', client: 'app/1' });
    const [first, , last] = evaluations;
    expect(last?.revision).toBe((first?.revision ?? 0) + 1);
  });

  test('records nothing for whoever decides by definitions', async () => {
    expect(await recordedBy(begin, { kind: 'definitions' })).toEqual([]);
  });
});

async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}
