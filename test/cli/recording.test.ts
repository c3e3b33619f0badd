import type { ConnectRouter } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { ProjectService } from '../../gen/vexil/v1/project_service_pb.ts';
import { startApi } from './api-server.ts';
import { runCli } from './run-cli.ts';

const { method } = ProjectService;
const NAME = 'projects/shop/environments/production';
const BEFORE = { disabled: false, keptAttributes: ['plan'], hashTargetingKeys: true };

async function run(args: readonly string[]) {
  const routes = (router: ConnectRouter) => {
    router.rpc(method.getEnvironment, () => ({
      environment: { name: NAME, key: 'production', etag: '"7"', recording: BEFORE },
    }));
    router.rpc(method.updateEnvironment, () => ({ receipt: { revision: 12n } }));
  };
  await using api = await startApi(routes);
  const env = { VEXIL_SERVER: api.url, VEXIL_TOKEN: 'vx_admin_1_s' };
  const result = await runCli(['-p', 'shop', 'env', ...args], { env });
  return { ...result, last: api.calls.at(-1) };
}

describe('env update', () => {
  it('changes what it is told of the recording, as it was when it looked', async () => {
    const { code, last } = await run(['update', 'production', '--recording', 'off']);
    expect(code).toBe(0);
    expect(last).toMatchObject({
      method: 'UpdateEnvironment',
      message: {
        environment: { name: NAME, etag: '"7"', recording: { ...BEFORE, disabled: true } },
        updateMask: { paths: ['recording'] },
      },
    });
  });

  it.each([
    ['--keep-attribute country --keep-attribute os', { ...BEFORE, keptAttributes: ['country', 'os'] }],
    ['--keep-no-attributes', { ...BEFORE, keptAttributes: [] }],
    ['--targeting-keys plain', { ...BEFORE, hashTargetingKeys: false }],
  ])('understands %s', async (options, recording) => {
    const { last } = await run(['update', 'production', ...options.split(' ')]);
    expect(last?.message).toMatchObject({ environment: { recording } });
  });

  it('does not look at the environment when the recording stays', async () => {
    const { last } = await run(['update', 'production', '--name', 'Live']);
    expect(last?.message).toMatchObject({
      environment: { displayName: 'Live' },
      updateMask: { paths: ['display_name'] },
    });
    expect(last?.message).not.toHaveProperty('environment.etag', '"7"');
  });

  it.each(['--recording maybe', '--targeting-keys secret', '--keep-attribute plan --keep-no-attributes'])(
    'refuses %s',
    async (options) => {
      expect(await run(['update', 'production', ...options.split(' ')])).toMatchObject({ code: 2 });
    },
  );
});

describe('env get', () => {
  it('says how it is recorded', async () => {
    expect((await run(['get', 'production'])).stdout).toContain('on, keeps plan, targeting keys hashed');
  });
});
