import type { ConnectRouter } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { AnalyticsService } from '../../gen/vexil/v1/analytics_service_pb.ts';
import { GuardAction, GuardDirection } from '../../gen/vexil/v1/definitions_pb.ts';
import { FlagService } from '../../gen/vexil/v1/flag_service_pb.ts';
import { startApi } from './api-server.ts';
import { runCli } from './run-cli.ts';

const flags = FlagService.method;
const analytics = AnalyticsService.method;
const NAME = 'projects/shop/environments/production/flags/checkout';
const ROLLOUT = { id: 'rollout', rollout: { weight: 5_000 } };
const GUARD = {
  direction: 1,
  threshold: 2_000,
  minSample: 100,
  windowS: 600,
  stages: [5_000],
  onRegression: 1,
};

/** How those with the flag fared: by the rule, and all. */
interface Seen {
  readonly on: readonly [hits: number, people: number];
  readonly off: readonly [hits: number, people: number];
}

async function against(rules: object[], args: readonly string[], seen?: Seen, more: object = {}) {
  const fared = (ruleId: string) =>
    Object.entries(seen ?? {})
      .filter(([variation, [, people]]) => people > 0 && (ruleId === '' || variation === 'on'))
      .map(([variation, [hits, people]]) => ({
        ...{ variation, subjects: BigInt(people), events: BigInt(hits) },
        ...{ affectedSubjects: BigInt(hits), convertedSubjects: BigInt(hits) },
      }));
  const routes = (router: ConnectRouter) => {
    const settings = { name: NAME, etag: '"7"', enabled: true, rules, ...more };
    router.rpc(flags.getFlagSettings, () => ({ settings }));
    router.rpc(flags.getFlag, () => ({ flag: { defaultVariation: 'off' } }));
    if (seen !== undefined) {
      router.rpc(analytics.getFlagHealth, ({ ruleId }) => ({ health: { variations: fared(ruleId) } }));
      router.rpc(analytics.getFlagConversions, ({ ruleId }) => ({ variations: fared(ruleId) }));
    }
    router.rpc(flags.updateRule, () => ({ receipt: { revision: 12n } }));
  };
  await using api = await startApi(routes);
  const env = { VEXIL_SERVER: api.url, VEXIL_TOKEN: 'vx_admin_1_s' };
  const result = await runCli(['-p', 'shop', '--env', 'production', 'flag', 'guard', ...args], { env });
  return { ...result, last: api.calls.at(-1) };
}

describe('flag guard', () => {
  it('sets a guard on the rollout, with the settings as they were when it looked', async () => {
    const options = '--limit 2 --stages 5,20,100 --window 10m --sample 500 --on-regression halt'.split(' ');
    const result = await against([ROLLOUT], ['set', 'checkout', ...options]);
    expect(result).toMatchObject({
      code: 0,
      stdout: 'rule rollout of flag checkout guarded in production at revision 12\n',
    });
    expect(result.last).toMatchObject({
      method: 'UpdateRule',
      message: {
        name: NAME,
        etag: '"7"',
        rule: {
          id: 'rollout',
          guard: {
            direction: GuardDirection.HIGHER_IS_WORSE,
            threshold: 2_000,
            minSample: 500,
            windowS: 600,
            stages: [5_000, 20_000, 100_000],
            onRegression: GuardAction.HALT,
          },
        },
      },
    });
  });

  it.each([
    [[], 'say what is still fine'],
    [['--limit', 'a lot'], 'is not a percentage'],
    [['--limit', '2', '--window', '10'], 'is not a span of time'],
    [['--limit', '2', '--sample', 'many'], 'is not a number of people'],
    [['--limit', '2', '--on-regression', 'cry'], 'is neither step-back nor halt'],
  ])('refuses %j', async (options, message) => {
    const result = await against([ROLLOUT], ['set', 'checkout', ...options]);
    expect(result).toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
  });

  it('says so when there is no such rule', async () => {
    const result = await against([], ['set', 'checkout', '--limit', '2']);
    expect(result).toMatchObject({ code: 2, stderr: expect.stringContaining('has no rule rollout here') });
  });

  it('takes a guard away and leaves the rule as it is', async () => {
    const result = await against([{ ...ROLLOUT, guard: GUARD }], ['clear', 'checkout']);
    expect(result.stdout).toBe(
      'rule rollout of flag checkout not guarded any more in production at revision 12\n',
    );
    expect(result.last).toMatchObject({ message: { rule: { id: 'rollout', rollout: { weight: 5_000 } } } });
    expect(result.last?.message).not.toHaveProperty('rule.guard');
  });

  it('lists guards with the numbers by which they acted', async () => {
    const guardState = { watching: false, sinceTime: { seconds: 0n }, note: '40 of 200 people had an error' };
    const result = await against(
      [{ ...ROLLOUT, guard: GUARD, guardState }, { id: 'other' }],
      ['list', 'checkout'],
    );
    expect(result.stdout).toContain(
      'errors and crashes at most 2%, by 100 people in 600 s; 5%; else a step back',
    );
    expect(result.stdout).toContain('40 of 200 people had an error');
    expect(result.stdout).not.toContain('other');
  });

  it('warns of an event that nobody had who got the flag', async () => {
    const set = ['set', 'checkout', '--limit', '2', '--event', 'paymnt failed'];
    const unknown = await against([ROLLOUT], set, { on: [0, 5], off: [0, 90] });
    expect(unknown).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('nobody who got checkout within 7 days had the event "paymnt failed"'),
    });
    const known = await against([ROLLOUT], set, { on: [0, 5], off: [1, 90] });
    expect(known).toMatchObject({ code: 0, stderr: '' });
    expect(await against([ROLLOUT], set)).toMatchObject({ code: 0, stderr: '' });
  });

  const long = { watching: true, sinceTime: { seconds: 0n } };
  const fresh = { watching: true, sinceTime: { seconds: BigInt(Math.floor(Date.now() / 1_000)) } };
  const staged = { ...GUARD, stages: [5_000, 20_000] };
  it.each<[string, object, Seen | undefined, object]>([
    ['waits for people who get', { guard: staged, guardState: long }, { on: [0, 0], off: [1, 90] }, {}],
    ['waits for 100 people with on', { guard: staged, guardState: long }, { on: [1, 99], off: [1, 90] }, {}],
    [
      'waits for 100 people with off, to compare with',
      { guard: { ...staged, relativeRegression: 1 }, guardState: long },
      { on: [1, 100], off: [1, 90] },
      {},
    ],
    ['waits until 2', { guard: staged, guardState: fresh }, { on: [1, 100], off: [1, 90] }, {}],
    [
      'waits until no more than is fine',
      { guard: staged, guardState: long },
      { on: [5, 200], off: [1, 90] },
      {},
    ],
    [
      'rollout: 5 of 200 people with on (2.5%), 1 of 90 people with off (1.11%) by default',
      { guard: staged, guardState: long },
      { on: [5, 200], off: [1, 90] },
      {},
    ],
    [
      'nobody had "order": see that it is reported',
      { guard: { ...staged, event: 'order' }, guardState: long },
      { on: [0, 200], off: [0, 90] },
      {},
    ],
    [
      'is at the last of its stages',
      { guard: { ...staged, stages: [5_000] }, guardState: long },
      { on: [1, 100], off: [1, 90] },
      {},
    ],
    [
      'does not go forward until somebody changes the rule',
      { guard: staged, guardState: { ...long, watching: false } },
      { on: [1, 100], off: [1, 90] },
      {},
    ],
    ['nobody can see how people fare', { guard: staged, guardState: long }, undefined, {}],
    [
      'nobody looks while the flag is off',
      { guard: staged, guardState: long },
      { on: [1, 100], off: [1, 90] },
      { enabled: false },
    ],
    [
      'nobody looks while the flag is halted',
      { guard: staged, guardState: long },
      { on: [1, 100], off: [1, 90] },
      { halt: { reason: 'x' } },
    ],
  ])('says of a guard: %s', async (said, rule, seen, more) => {
    const result = await against([{ ...ROLLOUT, ...rule }], ['list', 'checkout'], seen, more);
    expect(result).toMatchObject({ code: 0, stdout: expect.stringContaining(said) });
  });

  it('asks for no numbers for programs, who ask for themselves', async () => {
    const args = ['list', 'checkout', '-o', 'json'];
    const result = await against([{ ...ROLLOUT, guard: staged, guardState: long }], args);
    expect(JSON.parse(result.stdout)).toMatchObject([{ id: 'rollout', guardState: { watching: true } }]);
    expect(result.last?.method).toBe('GetFlagSettings');
  });
});
