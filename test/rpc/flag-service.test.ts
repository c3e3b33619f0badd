import { Code } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BadRequestSchema, ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import { FlagStatus, FlagType } from '../../gen/vexil/v1/definitions_pb.ts';
import { errorOf, openShop, type Service } from '../support/in-process-service.ts';

let service: Service;

beforeEach(async () => {
  service = await openShop();
});

afterEach(() => service[Symbol.asyncDispose]());

const parent = 'projects/shop';
const name = 'projects/shop/flags/checkout';

function createCheckout() {
  return service.flags.createFlag({ parent, flagId: 'checkout', flag: { type: FlagType.BOOLEAN } });
}

describe('a flag', () => {
  it('is made from as little as its type', async () => {
    const { flag, receipt } = await createCheckout();
    expect(flag).toMatchObject({
      name,
      key: 'checkout',
      displayName: 'checkout',
      type: FlagType.BOOLEAN,
      status: FlagStatus.ACTIVE,
      defaultVariation: 'off',
    });
    expect(flag?.variations.map(({ key, value }) => [key, value?.kind.value])).toStrictEqual([
      ['on', true],
      ['off', false],
    ]);
    expect(receipt?.unchanged).toBe(false);
    expect(flag?.version).toBe(receipt?.revision);
    expect((await service.flags.getFlag({ name })).flag).toStrictEqual(flag);
  });

  it('is not made from nothing, and says what is missing', async () => {
    const error = await errorOf(service.flags.createFlag({ parent, flagId: 'checkout' }));
    expect(error.code).toBe(Code.InvalidArgument);
    expect(error.findDetails(BadRequestSchema)[0]?.fieldViolations).toMatchObject([
      { field: 'flag.type', description: 'is required' },
    ]);
  });

  it('is made once per idempotency key', async () => {
    const request = {
      parent,
      flagId: 'checkout',
      flag: { type: FlagType.BOOLEAN },
      options: { idempotencyKey: 'once' },
    };
    const first = await service.flags.createFlag(request);
    const second = await service.flags.createFlag(request);
    expect(second.receipt).toMatchObject({ replayed: true, revision: first.receipt?.revision });
    expect(second.flag).toStrictEqual(first.flag);
  });

  it('is not made when the call asks for validation only', async () => {
    const flag = { type: FlagType.BOOLEAN };
    const options = { validateOnly: true };
    const answer = await service.flags.createFlag({ parent, flagId: 'checkout', flag, options });
    expect(answer.flag?.key).toBe('checkout');
    expect((await errorOf(service.flags.getFlag({ name }))).code).toBe(Code.NotFound);
  });

  it('is enabled from the start where that is asked for', async () => {
    const enabledEnvironments = ['staging'];
    const flag = { type: FlagType.BOOLEAN };
    await service.flags.createFlag({ parent, flagId: 'checkout', flag, enabledEnvironments });
    const { settings } = await service.flags.listFlagSettings({ parent: name });
    expect(settings.map((each) => [each.name, each.enabled])).toStrictEqual([
      ['projects/shop/environments/production/flags/checkout', false],
      ['projects/shop/environments/staging/flags/checkout', true],
    ]);
  });
});

describe('updating a flag', () => {
  it('replaces what the mask names, and clears what is named and not set', async () => {
    await createCheckout();
    await service.flags.updateFlag({
      flag: { name, owner: 'ann', tags: ['a'], temporary: true, removalTime: { seconds: 1_900_000_000n } },
    });
    const { flag } = await service.flags.updateFlag({
      flag: { name, description: 'ignored', tags: ['b'] },
      updateMask: { paths: ['tags', 'removal_time'] },
    });
    expect(flag).toMatchObject({ owner: 'ann', tags: ['b'], temporary: true, description: '' });
    expect(flag?.removalTime).toBeUndefined();
    expect(flag?.variations).toHaveLength(2);
  });

  it('takes back a flag as it was read, and changes nothing then', async () => {
    const { flag } = await createCheckout();
    const { receipt } = await service.flags.updateFlag({ ...(flag && { flag }) });
    expect(receipt).toMatchObject({ unchanged: true, revision: flag?.version });
  });

  it('is refused with the current etag for a stale one', async () => {
    const { flag } = await createCheckout();
    await service.flags.updateFlag({ flag: { name, owner: 'ann' } });
    const stale = { name, owner: 'bob', etag: flag?.etag ?? '' };
    const error = await errorOf(service.flags.updateFlag({ flag: stale }));
    expect(error.code).toBe(Code.Aborted);
    const current = (await service.flags.getFlag({ name })).flag?.etag;
    expect(error.findDetails(ErrorInfoSchema)[0]).toMatchObject({
      reason: 'ETAG_MISMATCH',
      metadata: { current_etag: current },
    });
  });

  it('cannot change its key, its type or archive it', async () => {
    await createCheckout();
    const refused = async (flag: object, paths: string[]) =>
      (
        await errorOf(service.flags.updateFlag({ flag: { name, ...flag }, updateMask: { paths } }))
      ).findDetails(BadRequestSchema)[0]?.fieldViolations[0]?.field;
    expect(await refused({ key: 'other' }, ['key'])).toBe('update_mask');
    expect(await refused({ type: FlagType.STRING }, ['type'])).toBe('flag.type');
    expect(await refused({ status: FlagStatus.ARCHIVED }, ['status'])).toBe('flag.status');
    expect(await refused({ variations: [{ key: 'on' }] }, ['variations'])).toBe('flag.variations[0].value');
  });
});

describe('listing flags', () => {
  it('pages and filters', async () => {
    for (const flagId of ['a', 'b', 'c'])
      await service.flags.createFlag({
        parent,
        flagId,
        flag: { type: FlagType.BOOLEAN, tags: [flagId === 'b' ? 'odd' : 'even'] },
      });
    const first = await service.flags.listFlags({ parent, pageSize: 2 });
    expect(first.flags.map(({ key }) => key)).toStrictEqual(['a', 'b']);
    expect(first.totalSize).toBe(3);
    const second = await service.flags.listFlags({ parent, pageSize: 2, pageToken: first.nextPageToken });
    expect(second.flags.map(({ key }) => key)).toStrictEqual(['c']);
    expect(second.nextPageToken).toBe('');
    const even = await service.flags.listFlags({ parent, tags: ['even'] });
    expect(even.flags.map(({ key }) => key)).toStrictEqual(['a', 'c']);
  });

  it('refuses a status that this build does not know', async () => {
    const error = await errorOf(service.flags.listFlags({ parent, statuses: [9 as FlagStatus] }));
    expect(error.findDetails(BadRequestSchema)[0]?.fieldViolations[0]?.field).toBe('statuses[0]');
  });

  it('refuses a page token of another list', async () => {
    await createCheckout();
    await service.flags.createFlag({ parent, flagId: 'other', flag: { type: FlagType.BOOLEAN } });
    const { nextPageToken } = await service.flags.listFlags({ parent, pageSize: 1 });
    const call = service.flags.listFlags({ parent, pageSize: 1, pageToken: nextPageToken, query: 'o' });
    expect((await errorOf(call)).code).toBe(Code.InvalidArgument);
  });
});

describe('the end of a flag', () => {
  it('comes by archiving and then deleting it', async () => {
    await createCheckout();
    expect((await errorOf(service.flags.deleteFlag({ name }))).code).toBe(Code.FailedPrecondition);
    expect((await service.flags.archiveFlag({ name })).flag?.status).toBe(FlagStatus.ARCHIVED);
    expect((await service.flags.archiveFlag({ name })).receipt?.unchanged).toBe(true);
    expect((await service.flags.listFlags({ parent })).flags).toStrictEqual([]);
    expect((await service.flags.restoreFlag({ name })).flag?.status).toBe(FlagStatus.ACTIVE);
    await service.flags.archiveFlag({ name });
    await service.flags.deleteFlag({ name });
    expect((await errorOf(service.flags.getFlag({ name }))).code).toBe(Code.NotFound);
  });
});

describe('variations', () => {
  it('are created, updated and deleted, but not while they are served', async () => {
    await createCheckout();
    const value = { kind: { case: 'boolValue' as const, value: true } };
    const created = await service.flags.createVariation({ parent: name, variation: { key: 'also', value } });
    expect(created.flag?.variations.map(({ key }) => key)).toStrictEqual(['on', 'off', 'also']);
    const variation = { key: 'also', value, displayName: 'Also' };
    const updated = await service.flags.updateVariation({ parent: name, variation });
    expect(updated.flag?.variations[2]?.displayName).toBe('Also');
    const served = await errorOf(service.flags.deleteVariation({ parent: name, variationKey: 'off' }));
    expect(served.code).toBe(Code.FailedPrecondition);
    const deleted = await service.flags.deleteVariation({ parent: name, variationKey: 'also' });
    expect(deleted.flag?.variations).toHaveLength(2);
  });
});
