import { describe, expect, it } from 'vitest';
import {
  archiveFlag,
  createFlag,
  deleteFlag,
  flagsThat,
  type NewFlag,
  restoreFlag,
  updateFlag,
} from '../../../src/app/manage/flags.ts';
import { createVariation, deleteVariation, updateVariation } from '../../../src/app/manage/variations.ts';
import { initialSettings } from '../../../src/core/model.ts';
import { carryOut, checkout, LATER, NOW, refusal, shop, shopWith } from './shop.ts';

const { createdAt: _created, updatedAt: _updated, ...content } = checkout;
const bare: NewFlag = { ...content, variations: [], defaultVariation: '', enabledIn: [] };

const flagOf = (result: ReturnType<typeof carryOut>) => result.state.flags.get('checkout')?.state;

describe('creating a flag', () => {
  it('gives a boolean one on and off, off by default', () => {
    const flag = flagOf(carryOut(shop(), createFlag(bare)));
    expect(flag?.variations).toStrictEqual([
      { key: 'on', value: true },
      { key: 'off', value: false },
    ]);
    expect(flag).toMatchObject({ defaultVariation: 'off', createdAt: NOW, updatedAt: NOW });
    expect(flag).not.toHaveProperty('enabledIn');
  });

  it('makes the last variation the default if none is named', () => {
    const variations = [
      { key: 'a', value: 'a' },
      { key: 'b', value: 'b' },
    ];
    const flag = { ...bare, type: 'string' as const, variations };
    expect(flagOf(carryOut(shop(), createFlag(flag)))?.defaultVariation).toBe('b');
    const named = { ...flag, defaultVariation: 'a' };
    expect(flagOf(carryOut(shop(), createFlag(named)))?.defaultVariation).toBe('a');
  });

  it('enables it where that is asked for, in the same change', () => {
    const { state } = carryOut(shop(), createFlag({ ...bare, enabledIn: ['staging', 'staging'] }));
    expect(state.settings.get('staging')?.get('checkout')?.state.enabled).toBe(true);
    expect(state.settings.get('production')).toBeUndefined();
  });

  it('is refused for a key that is taken, an unknown environment and a flag that begins archived', () => {
    expect(refusal(shopWith(), createFlag(bare))).toBe('already_exists');
    expect(refusal(shop(), createFlag({ ...bare, enabledIn: ['moon'] }))).toBe(
      'not_found ENVIRONMENT_NOT_FOUND',
    );
    expect(refusal(shop(), createFlag({ ...bare, status: 'archived' }))).toBe('invalid flag.status');
  });
});

describe('updating a flag', () => {
  it('keeps what the edit keeps, and notes the time', () => {
    const plan = updateFlag('checkout', ({ state }) => ({ ...state, owner: 'ann' }));
    expect(flagOf(carryOut(shopWith(), plan, LATER))).toStrictEqual({
      ...checkout,
      owner: 'ann',
      updatedAt: LATER,
    });
  });

  it('cannot archive the flag or change its type', () => {
    const edit = (fields: object) => updateFlag('checkout', ({ state }) => ({ ...state, ...fields }));
    expect(refusal(shopWith(), edit({ status: 'archived' }))).toBe('invalid flag.status');
    expect(refusal(shopWith(), edit({ type: 'string' }))).toBe('invalid flag.type');
  });

  it('is refused for another version than the current one, and for an archived flag', () => {
    const edit = updateFlag('checkout', ({ state }) => state, 7);
    expect(refusal(shopWith(), edit)).toBe('conflict ETAG_MISMATCH');
    const archived = shopWith({}, { status: 'archived' });
    expect(
      refusal(
        archived,
        updateFlag('checkout', ({ state }) => state),
      ),
    ).toBe('failed_precondition ARCHIVED');
  });
});

describe('the end of a flag', () => {
  it.each(['draft', 'active'] as const)(
    'is to be archived, from where it comes back %s as before',
    (status) => {
      const before = shopWith({}, { status });
      const archived = carryOut(before, archiveFlag('checkout'));
      expect(flagOf(archived)?.status).toBe('archived');
      const again = carryOut(archived.state, archiveFlag('checkout'));
      expect(flagOf(carryOut(again.state, restoreFlag('checkout')))).toEqual(
        before.flags.get('checkout')?.state,
      );
    },
  );

  it('leaves a flag that is not archived as it is when it is restored', () => {
    const draft = shopWith({}, { status: 'draft' });
    expect(flagOf(carryOut(draft, restoreFlag('checkout')))?.status).toBe('draft');
  });

  it('takes the settings in every environment along when an archived flag is deleted', () => {
    const settings = initialSettings('checkout');
    const before = shop(
      { kind: 'flag', state: { ...checkout, status: 'archived' } },
      { kind: 'settings', environment: 'production', state: settings },
      { kind: 'settings', environment: 'staging', state: settings },
      { kind: 'settings', environment: 'staging', state: { ...settings, flag: 'other' } },
    );
    const { state } = carryOut(before, deleteFlag('checkout'));
    expect(state.flags.size).toBe(0);
    expect(state.settings.get('production')?.size).toBe(0);
    expect([...(state.settings.get('staging')?.keys() ?? [])]).toStrictEqual(['other']);
  });

  it('does not come for a flag that is in use', () => {
    expect(refusal(shopWith(), deleteFlag('checkout'))).toBe('failed_precondition FLAG_NOT_ARCHIVED');
    expect(refusal(shop(), deleteFlag('checkout'))).toBe('not_found FLAG_NOT_FOUND');
  });
});

describe('variations', () => {
  const keysOf = (result: ReturnType<typeof carryOut>) => flagOf(result)?.variations.map(({ key }) => key);

  it('are added last, replaced in place and taken away', () => {
    const added = carryOut(shopWith(), createVariation('checkout', { key: 'also', value: true }));
    expect(keysOf(added)).toStrictEqual(['on', 'off', 'also']);
    const replaced = carryOut(
      added.state,
      updateVariation('checkout', { key: 'on', value: true, name: 'On' }),
    );
    expect(flagOf(replaced)?.variations[0]).toStrictEqual({ key: 'on', value: true, name: 'On' });
    expect(keysOf(carryOut(replaced.state, deleteVariation('checkout', 'also')))).toStrictEqual([
      'on',
      'off',
    ]);
  });

  it('are refused when they exist already, or do not', () => {
    const on = { key: 'on', value: true };
    expect(refusal(shopWith(), createVariation('checkout', on))).toBe('already_exists VARIATION_EXISTS');
    const other = { key: 'other', value: true };
    expect(refusal(shopWith(), updateVariation('checkout', other))).toBe('not_found VARIATION_NOT_FOUND');
    expect(refusal(shopWith(), deleteVariation('checkout', 'other'))).toBe('not_found VARIATION_NOT_FOUND');
  });
});

describe('filtering flags', () => {
  const all = {
    statuses: [],
    types: [],
    tags: [],
    query: '',
    owner: '',
    temporary: undefined,
    clientVisible: undefined,
  };
  const flags = [
    checkout,
    { ...checkout, key: 'search', name: 'New SEARCH', tags: ['a', 'b'], owner: 'ann', clientVisible: true },
    { ...checkout, key: 'draft', status: 'draft', type: 'string', temporary: true, tags: ['a'] },
    { ...checkout, key: 'old', status: 'archived', description: 'for searching' },
  ] as const;
  const state = shop(...flags.map((flag) => ({ kind: 'flag', state: flag }) as const));
  const found = (filter: Partial<Parameters<typeof flagsThat>[1]>) =>
    flagsThat(state, { ...all, ...filter })
      .map((stored) => stored.state.key)
      .sort();

  it('leaves archived ones out unless they are asked for', () => {
    expect(found({})).toStrictEqual(['checkout', 'draft', 'search']);
    expect(found({ statuses: ['archived', 'draft'] })).toStrictEqual(['draft', 'old']);
  });

  it('goes by every part of the filter', () => {
    expect(found({ query: 'search' })).toStrictEqual(['search']);
    expect(found({ query: 'searching', statuses: ['archived'] })).toStrictEqual(['old']);
    expect(found({ tags: ['a'] })).toStrictEqual(['draft', 'search']);
    expect(found({ tags: ['a', 'b'] })).toStrictEqual(['search']);
    expect(found({ types: ['string'] })).toStrictEqual(['draft']);
    expect(found({ owner: 'ann' })).toStrictEqual(['search']);
    expect(found({ temporary: false })).toStrictEqual(['checkout', 'search']);
    expect(found({ clientVisible: true })).toStrictEqual(['search']);
  });
});
