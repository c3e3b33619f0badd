import type { ConnectRouter } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { EventKind, TelemetryService } from '../../gen/vexil/v1/telemetry_service_pb.ts';
import { startApi } from './api-server.ts';
import { runCli } from './run-cli.ts';

const { method } = TelemetryService;

async function run(args: readonly string[], answer: object = { acceptedCount: 1 }) {
  const routes = (router: ConnectRouter) => {
    router.rpc(method.reportExposures, () => answer);
    router.rpc(method.reportEvents, () => answer);
  };
  await using api = await startApi(routes);
  const env = { VEXIL_SERVER: api.url, VEXIL_TOKEN: 'vx_admin_1_s' };
  const result = await runCli(['-p', 'shop', '--env', 'production', 'report', ...args], { env });
  return { ...result, last: api.calls.at(-1) };
}

describe('report exposure', () => {
  it('says who got what, by hand', async () => {
    const { code, stdout, last } = await run([
      ...['exposure', 'checkout', 'on', '--key', 'ann', '--attr', 'plan=pro', '--id', '7'],
      ...['--at', '2026-11-21T09:00:00Z'],
    ]);
    expect([code, stdout]).toEqual([0, 'exposure reported\n']);
    expect(last).toMatchObject({
      method: 'ReportExposures',
      message: {
        environment: 'projects/shop/environments/production',
        exposures: [
          {
            ...{ id: '7', flagKey: 'checkout', variation: 'on', manual: true },
            context: { targetingKey: 'ann', attributes: { plan: 'pro' } },
            time: { seconds: 1_795_251_600n },
          },
        ],
      },
    });
  });

  it('says when it was reported before', async () => {
    const { stdout } = await run(['exposure', 'checkout', 'on'], { repeatedCount: 1 });
    expect(stdout).toBe('exposure was reported before\n');
  });

  it('fails with what is wrong with it', async () => {
    const rejected = [{ index: 0, field: 'flag_key', description: 'there is no such flag' }];
    const result = await run(['exposure', 'nothing', 'on'], { rejected });
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('flag_key: there is no such flag');
  });
});

describe('report event', () => {
  it('says what happened, how much and because of what', async () => {
    const args = [
      'event',
      'boom',
      '--kind',
      'crash',
      '--value',
      '-1.5',
      '--flag',
      'checkout',
      '--key',
      'ann',
    ];
    const { stdout, last } = await run(args);
    expect(stdout).toBe('event reported\n');
    expect(last?.message).toMatchObject({
      events: [
        {
          ...{ name: 'boom', kind: EventKind.CRASH, value: -1.5, flagKey: 'checkout' },
          context: { targetingKey: 'ann' },
        },
      ],
    });
  });

  it.each([
    ['--value', 'much'],
    ['--kind', 'joy'],
    ['--at', 'whenever'],
  ])('refuses %s %s', async (...options) => {
    expect(await run(['event', 'order', ...options])).toMatchObject({ code: 2 });
  });
});
