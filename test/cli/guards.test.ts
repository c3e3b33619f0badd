import type { ConnectRouter } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { GuardAction, GuardDirection } from '../../gen/vexil/v1/definitions_pb.ts';
import { FlagService } from '../../gen/vexil/v1/flag_service_pb.ts';
import { startApi } from './api-server.ts';
import { runCli } from './run-cli.ts';

const flags = FlagService.method;
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

async function against(rules: object[], args: readonly string[]) {
  const routes = (router: ConnectRouter) => {
    router.rpc(flags.getFlagSettings, () => ({ settings: { name: NAME, etag: '"7"', rules } }));
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
});
