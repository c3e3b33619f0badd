import { describe, expect, it } from 'vitest';
import { openSqliteProjection } from '../../src/adapters/sqlite/sqlite-projection.ts';
import { withFallback } from '../../src/server/fallback-projection.ts';
import { flagObject } from '../contract/samples.ts';
import { temporaryDirectory } from '../contract/sqlite-stores.ts';

const OWN = { revision: 1, hash: 'own' };
const OTHERS = { revision: 2, hash: 'others' };
const OBJECTS = [{ object: flagObject('banner'), version: 1 }];

describe('withFallback', () => {
  it('loads what the other has, and where that fails nothing, as long as there is no state of its own', async () => {
    await using directories = new AsyncDisposableStack();
    const [own, other] = [
      directories.use(await temporaryDirectory()),
      directories.use(await temporaryDirectory()),
    ];
    const first = await openSqliteProjection(own.path);
    const second = await openSqliteProjection(other.path);
    await using both = withFallback(first, second);
    expect(await both.load('shop')).toBeUndefined();
    await second.reset('shop', OTHERS, OBJECTS);
    expect(await both.load('shop')).toEqual({ ...OTHERS, objects: OBJECTS });
    expect(await both.at('shop')).toBeUndefined();
    expect(await both.projects()).toEqual([]);
    await both.reset('shop', OWN, []);
    expect(await both.load('shop')).toEqual({ ...OWN, objects: [] });
    expect(await second.load('shop')).toEqual({ ...OTHERS, objects: OBJECTS });
    await second[Symbol.asyncDispose]();
    expect(await both.load('else')).toBeUndefined();
  });
});
