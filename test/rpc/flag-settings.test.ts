import { Code } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BadRequestSchema } from '../../gen/google/rpc/error_details_pb.ts';
import { FlagType, HashAlgorithm, type Operator } from '../../gen/vexil/v1/definitions_pb.ts';
import { timestampOf } from '../../src/rpc/timestamp.ts';
import { errorOf, openShop, type Service } from '../support/in-process-service.ts';

const MINUTE_MS = 60_000;

let service: Service;

beforeEach(async () => {
  service = await openShop();
  await service.flags.createFlag({
    parent: 'projects/shop',
    flagId: 'checkout',
    flag: { type: FlagType.BOOLEAN },
  });
});

afterEach(() => service[Symbol.asyncDispose]());

const name = 'projects/shop/environments/production/flags/checkout';
const on = { kind: { case: 'variation' as const, value: 'on' } };

function inMs(delayMs: number) {
  return timestampOf(new Date(service.instance.clock.now() + delayMs).toISOString());
}

describe('the settings of a flag', () => {
  it('are there, at version 0, before anything is set', async () => {
    const { settings } = await service.flags.getFlagSettings({ name });
    expect(settings).toMatchObject({ name, enabled: false, version: 0n, etag: '"0"', rules: [] });
    expect(settings?.hash).toBe(HashAlgorithm.MURMUR3);
    const missing = name.replace('production', 'moon');
    expect((await errorOf(service.flags.getFlagSettings({ name: missing }))).code).toBe(Code.NotFound);
  });

  it('are switched on and off; a call that changes nothing writes nothing', async () => {
    const off = await service.flags.disableFlag({ name });
    expect(off.receipt?.unchanged).toBe(true);
    expect(off.settings).toMatchObject({ enabled: false, version: 0n });
    const enabled = await service.flags.enableFlag({ name, etag: '"0"' });
    expect(enabled.settings?.enabled).toBe(true);
    expect(enabled.settings?.version).toBe(enabled.receipt?.revision);
    expect((await errorOf(service.flags.disableFlag({ name, etag: '"0"' }))).code).toBe(Code.Aborted);
    expect((await service.flags.disableFlag({ name })).settings?.enabled).toBe(false);
  });

  it('are replaced where the mask says', async () => {
    await service.flags.enableFlag({ name });
    const rules = [
      { priority: 1, serve: on },
      { priority: 2, serve: on },
    ];
    const { settings } = await service.flags.updateFlagSettings({
      settings: { name, rules, salt: 'pepper', bucketBy: 'ignored' },
      updateMask: { paths: ['rules', 'salt'] },
    });
    expect(settings).toMatchObject({ enabled: true, salt: 'pepper', bucketBy: '' });
    expect(settings?.rules.map(({ id }) => id)).toStrictEqual(['rule-1', 'rule-2']);
  });

  it('can be sent back as they were read, halt and schedule included', async () => {
    await service.flags.haltFlag({ name });
    await service.flags.createScheduledChange({
      name,
      scheduledChange: { time: inMs(MINUTE_MS), action: { case: 'resume', value: true } },
    });
    const { settings } = await service.flags.getFlagSettings({ name });
    const answer = await service.flags.updateFlagSettings({ ...(settings && { settings }) });
    expect(answer.receipt?.unchanged).toBe(true);
    const updateMask = { paths: ['halt'] };
    const error = await errorOf(service.flags.updateFlagSettings({ settings: { name }, updateMask }));
    expect(error.code).toBe(Code.InvalidArgument);
  });
});

describe('halting a flag', () => {
  it('records who, why and when, in the settings and in the log; again it changes nothing', async () => {
    const first = await service.flags.haltFlag({ name, reason: 'errors' });
    expect(first.settings?.halt).toMatchObject({ actor: 'key:root', reason: 'errors' });
    const [change] = await service.instance.log.read('shop', Number(first.receipt?.revision) - 1, 1);
    expect(change).toMatchObject({ action: 'flag.halt', actor: 'key:root', reason: 'errors' });
    const second = await service.flags.haltFlag({ name, reason: 'again' });
    expect(second.receipt?.unchanged).toBe(true);
    expect(second.settings?.halt).toStrictEqual(first.settings?.halt);
    expect((await service.flags.resumeFlag({ name })).settings?.halt).toBeUndefined();
    expect((await service.flags.resumeFlag({ name })).receipt?.unchanged).toBe(true);
  });
});

describe('the rules of a flag', () => {
  it('are created, replaced and deleted', async () => {
    const { settings } = await service.flags.createRule({ name, rule: { displayName: 'beta', serve: on } });
    expect(settings?.rules).toMatchObject([{ id: 'rule-1', displayName: 'beta', priority: 1 }]);
    const updated = await service.flags.updateRule({ name, rule: { id: 'rule-1', serve: on } });
    expect(updated.settings?.rules).toMatchObject([{ id: 'rule-1', displayName: '', priority: 1 }]);
    const deleted = await service.flags.deleteRule({ name, ruleId: 'rule-1' });
    expect(deleted.settings?.rules).toStrictEqual([]);
    expect((await errorOf(service.flags.deleteRule({ name, ruleId: 'rule-1' }))).code).toBe(Code.NotFound);
  });

  it('are refused with the path of what is wrong', async () => {
    const operator = 99 as Operator;
    const condition = { kind: { case: 'clause' as const, value: { attribute: 'plan', operator } } };
    const error = await errorOf(service.flags.createRule({ name, rule: { condition } }));
    expect(error.code).toBe(Code.InvalidArgument);
    const fields = error.findDetails(BadRequestSchema)[0]?.fieldViolations.map(({ field }) => field);
    expect(fields).toStrictEqual(['rule.condition.clause.operator', 'rule.serve']);
  });

  it('include one for a rollout to everybody, made at the first call', async () => {
    await service.flags.setRollout({ name, weight: 10_000 });
    const { settings } = await service.flags.setRollout({ name, weight: 30_000 });
    expect(settings?.rules).toMatchObject([{ id: 'rollout', serve: on, rollout: { weight: 30_000 } }]);
  });
});

describe('targets and prerequisites', () => {
  it('are set and removed', async () => {
    await service.flags.setTarget({ name, variation: 'on', targetingKeys: ['ann', 'bob'] });
    const moved = await service.flags.setTarget({ name, variation: 'off', targetingKeys: ['bob'] });
    expect(moved.settings?.targets).toMatchObject([
      { variation: 'on', targetingKeys: ['ann'] },
      { variation: 'off', targetingKeys: ['bob'] },
    ]);
    const removed = await service.flags.removeTarget({ name, targetingKeys: ['ann', 'bob'] });
    expect(removed.settings?.targets).toStrictEqual([]);
    expect((await errorOf(service.flags.removeTarget({ name }))).code).toBe(Code.InvalidArgument);
  });

  it('keep the flag that they ask for from being archived', async () => {
    const flag = { type: FlagType.BOOLEAN };
    await service.flags.createFlag({ parent: 'projects/shop', flagId: 'payments', flag });
    const prerequisite = { flag: 'payments', variations: ['on'] };
    const { settings } = await service.flags.setPrerequisite({ name, prerequisite });
    expect(settings?.prerequisites).toMatchObject([prerequisite]);
    const payments = 'projects/shop/flags/payments';
    expect((await errorOf(service.flags.archiveFlag({ name: payments }))).code).toBe(Code.FailedPrecondition);
    await service.flags.removePrerequisite({ name, flag: 'payments' });
    await service.flags.archiveFlag({ name: payments });
  });
});

describe('scheduled changes', () => {
  it('are made at their time, once, and are listed until then', async () => {
    const later = { time: inMs(2 * MINUTE_MS), action: { case: 'haltReason' as const, value: 'night' } };
    const sooner = { time: inMs(MINUTE_MS), action: { case: 'enabled' as const, value: true } };
    await service.flags.createScheduledChange({ name, scheduledChange: later });
    await service.flags.createScheduledChange({ name, scheduledChange: sooner });
    const parent = 'projects/shop/environments/production';
    const pending = async (of = parent) =>
      (await service.flags.listScheduledChanges({ parent: of })).pendingChanges.map(
        ({ scheduledChange }) => scheduledChange?.id,
      );
    expect(await pending()).toStrictEqual(['change-2', 'change-1']);
    expect(await pending(name)).toStrictEqual(['change-2', 'change-1']);
    const until = await service.flags.listScheduledChanges({ parent, untilTime: inMs(MINUTE_MS) });
    expect(until.pendingChanges).toMatchObject([{ name, scheduledChange: { actor: 'key:root' } }]);

    service.instance.clock.advance(MINUTE_MS);
    await vi.waitFor(async () => expect(await pending()).toStrictEqual(['change-1']));
    service.instance.clock.advance(MINUTE_MS);
    await vi.waitFor(async () => expect(await pending()).toStrictEqual([]));
    const { settings } = await service.flags.getFlagSettings({ name });
    expect(settings).toMatchObject({ enabled: true, halt: { actor: 'key:root', reason: 'night' } });
    expect(service.instance.reports).toStrictEqual([]);
  });

  it('are refused for the past, and can be cancelled', async () => {
    const action = { case: 'enabled' as const, value: true };
    const past = service.flags.createScheduledChange({ name, scheduledChange: { time: inMs(0), action } });
    const error = await errorOf(past);
    expect(error.findDetails(BadRequestSchema)[0]?.fieldViolations[0]?.field).toBe('scheduled_change.time');
    const scheduledChange = { id: 'night', time: inMs(MINUTE_MS), action };
    await service.flags.createScheduledChange({ name, scheduledChange });
    const cancelled = await service.flags.cancelScheduledChange({ name, scheduledChangeId: 'night' });
    expect(cancelled.settings?.scheduledChanges).toStrictEqual([]);
  });

  it('are pointed out to whoever makes an edit that they will undo', async () => {
    const scheduledChange = {
      id: 'night',
      time: inMs(MINUTE_MS),
      action: { case: 'enabled' as const, value: false },
    };
    await service.flags.createScheduledChange({ name, scheduledChange });
    const { receipt } = await service.flags.enableFlag({ name });
    expect(receipt?.warnings).toStrictEqual([
      expect.stringMatching(/^scheduled change night will set enabled to false at /),
    ]);
  });
});
