import { describe, expect, it } from 'vitest';
import { updateFlag } from '../../../src/app/manage/flags.ts';
import { removePrerequisite, setPrerequisite } from '../../../src/app/manage/prerequisites.ts';
import {
  disableFlag,
  enableFlag,
  haltFlag,
  resumeFlag,
  updateSettings,
} from '../../../src/app/manage/settings.ts';
import { removeTarget, setTarget } from '../../../src/app/manage/targets.ts';
import { updateVariation } from '../../../src/app/manage/variations.ts';
import { initialSettings } from '../../../src/core/model.ts';
import { carryOut, checkout, LATER, NOW, refusal, settingsIn, shop, shopWith } from './shop.ts';

const at = { environment: 'production', flag: 'checkout' };
const halt = { by: 'key:ann', reason: 'errors', at: NOW };

describe('an edit of a flag that is halted', () => {
  const warning = (key: string) => [
    `flag checkout is halted in production, and now serves ${key} as its default there`,
  ];
  const toOn = updateSettings(at, ({ state }) => ({ ...state, defaultVariation: 'on' }));

  it('warns when it changes what is served at once', () => {
    expect(carryOut(shopWith({ halt }), toOn).warnings).toEqual(warning('on'));
    const flagToOn = updateFlag('checkout', ({ state }) => ({ ...state, defaultVariation: 'on' }));
    expect(carryOut(shopWith({ halt }), flagToOn).warnings).toEqual(warning('on'));
    const text = { type: 'string', variations: [{ key: 'off', value: 'a' }] } as const;
    const other = updateVariation('checkout', { key: 'off', value: 'b' });
    expect(carryOut(shopWith({ halt }, text), other).warnings).toEqual(warning('off'));
  });

  it('does not when it changes nothing that is served', () => {
    expect(carryOut(shopWith(), toOn).warnings).toEqual([]);
    expect(carryOut(shopWith({ halt, defaultVariation: 'on' }), toOn).warnings).toEqual([]);
    const flagToOn = updateFlag('checkout', ({ state }) => ({ ...state, defaultVariation: 'on' }));
    expect(carryOut(shopWith({ halt, defaultVariation: 'off' }), flagToOn).warnings).toEqual([]);
  });
});

describe('changing the settings of a flag', () => {
  it('starts from the initial ones where nothing was ever set', () => {
    const state = shop({ kind: 'flag', state: checkout });
    expect(settingsIn(carryOut(state, enableFlag(at)).state)).toStrictEqual({
      ...initialSettings('checkout'),
      enabled: true,
      updatedAt: NOW,
    });
  });

  it('writes nothing when it changes nothing', () => {
    const state = shop({ kind: 'flag', state: checkout });
    expect(carryOut(state, disableFlag(at)).operations).toStrictEqual([]);
    expect(carryOut(shopWith({ enabled: true }), enableFlag(at), LATER).operations).toStrictEqual([]);
  });

  it('is refused for an environment or a flag that does not exist or is archived', () => {
    expect(refusal(shopWith(), enableFlag({ ...at, environment: 'moon' }))).toBe(
      'not_found ENVIRONMENT_NOT_FOUND',
    );
    expect(refusal(shopWith(), enableFlag({ ...at, flag: 'other' }))).toBe('not_found FLAG_NOT_FOUND');
    expect(refusal(shopWith({}, { status: 'archived' }), enableFlag(at))).toBe(
      'failed_precondition ARCHIVED',
    );
    const environment = { name: '', description: '', archived: true, createdAt: NOW, updatedAt: NOW };
    const state = shop(
      { kind: 'flag', state: checkout },
      { kind: 'environment', state: { key: 'production', ...environment } },
    );
    expect(refusal(state, enableFlag(at))).toBe('failed_precondition ARCHIVED');
  });

  it('is refused for another version than the current one; untouched settings have the version 0', () => {
    expect(refusal(shopWith(), enableFlag({ ...at, expectedVersion: 9 }))).toBe('conflict ETAG_MISMATCH');
    expect(refusal(shopWith(), enableFlag({ ...at, expectedVersion: 1 }))).toBe('not refused');
    expect(refusal(shopWith(), enableFlag({ ...at, environment: 'staging', expectedVersion: 0 }))).toBe(
      'not refused',
    );
  });

  it('gives ids to rules that have none', () => {
    const serve = { kind: 'variation', variation: 'on' } as const;
    const rule = { id: '', name: '', priority: 1, serve, recordExposures: true };
    const rules = [rule, { ...rule, id: 'rule-1' }, rule];
    const { state } = carryOut(
      shopWith(),
      updateSettings(at, (stored) => ({ ...stored.state, rules })),
    );
    expect(settingsIn(state).rules.map(({ id }) => id)).toStrictEqual(['rule-2', 'rule-1', 'rule-3']);
  });
});

describe('halting a flag', () => {
  it('records who, why and when', () => {
    const { state } = carryOut(shopWith(), haltFlag(at, { by: 'key:ann', reason: 'errors' }));
    expect(settingsIn(state).halt).toStrictEqual(halt);
  });

  it('changes nothing when it is halted already', () => {
    const plan = haltFlag(at, { by: 'key:bob', reason: 'again' });
    expect(carryOut(shopWith({ halt }), plan, LATER).operations).toStrictEqual([]);
  });

  it('ends when it is resumed, and resuming again changes nothing', () => {
    const { state } = carryOut(shopWith({ halt }), resumeFlag(at));
    expect(settingsIn(state)).not.toHaveProperty('halt');
    expect(carryOut(state, resumeFlag(at)).operations).toStrictEqual([]);
  });

  it('is pointed out when a halted flag is enabled', () => {
    expect(carryOut(shopWith({ halt }), enableFlag(at)).warnings).toStrictEqual([
      'flag checkout stays halted until it is resumed',
    ]);
  });
});

describe('targets', () => {
  const targets = [
    { variation: 'on', keys: ['ann', 'bob'] },
    { variation: 'off', keys: ['cid'] },
  ];

  it('take targeting keys out of every other variation, and go when they are empty', () => {
    const { state } = carryOut(shopWith({ targets }), setTarget(at, 'on', ['cid', 'ann']));
    expect(settingsIn(state).targets).toStrictEqual([{ variation: 'on', keys: ['ann', 'bob', 'cid'] }]);
  });

  it('are made for a variation that has none', () => {
    const { state } = carryOut(shopWith({ targets }), setTarget(at, 'blue', ['bob', 'dan', 'dan']));
    expect(settingsIn(state).targets).toStrictEqual([
      { variation: 'on', keys: ['ann'] },
      { variation: 'off', keys: ['cid'] },
      { variation: 'blue', keys: ['bob', 'dan'] },
    ]);
  });

  it('lose the keys that are removed, whether or not they have them', () => {
    const { state } = carryOut(shopWith({ targets }), removeTarget(at, ['cid', 'bob', 'nobody']));
    expect(settingsIn(state).targets).toStrictEqual([{ variation: 'on', keys: ['ann'] }]);
  });
});

describe('prerequisites', () => {
  const prerequisites = [
    { flag: 'payments', variations: ['on'] },
    { flag: 'search', variations: ['on'] },
  ];

  it('replace the one for the same flag, or are added', () => {
    const replaced = carryOut(
      shopWith({ prerequisites }),
      setPrerequisite(at, { flag: 'payments', variations: ['off'] }),
    );
    expect(settingsIn(replaced.state).prerequisites[0]).toStrictEqual({
      flag: 'payments',
      variations: ['off'],
    });
    const added = carryOut(replaced.state, setPrerequisite(at, { flag: 'third', variations: ['on'] }));
    expect(settingsIn(added.state).prerequisites).toHaveLength(3);
  });

  it('are removed by their flag, which must be one', () => {
    const { state } = carryOut(shopWith({ prerequisites }), removePrerequisite(at, 'payments'));
    expect(settingsIn(state).prerequisites).toStrictEqual([prerequisites[1]]);
    expect(refusal(state, removePrerequisite(at, 'payments'))).toBe('not_found PREREQUISITE_NOT_FOUND');
  });
});
