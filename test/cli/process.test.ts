import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Code, ConnectError } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FlagService } from '../../gen/vexil/v1/flag_service_pb.ts';
import { type ApiServer, startApi } from './api-server.ts';

const executable = fileURLToPath(new URL('../../bin/vexil', import.meta.url));

let api: ApiServer;

beforeAll(async () => {
  api = await startApi((router) => {
    router.rpc(FlagService.method.enableFlag, () => ({ receipt: { revision: 5n } }));
    router.rpc(FlagService.method.getFlag, ({ name }) => {
      throw new ConnectError(
        `there is no ${name}`,
        name.endsWith('secret') ? Code.Unauthenticated : Code.NotFound,
      );
    });
  });
});

afterAll(() => api[Symbol.asyncDispose]());

async function vexil(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(executable, args, {
    env: { PATH: process.env.PATH ?? '', HOME: '/nonexistent', VEXIL_SERVER: api.url, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: child.exitCode, stdout, stderr };
}

describe('the process', () => {
  it('exits with 0 when it is done', async () => {
    expect(await vexil(['flag', 'enable', 'checkout'])).toEqual({
      code: 0,
      stdout: 'flag checkout enabled in production at revision 5\n',
      stderr: '',
    });
  });

  it('exits with 1 when something is not there', async () => {
    expect(await vexil(['flag', 'get', 'nope'])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'error: there is no projects/shop/flags/nope\n',
    });
  });

  it('exits with 2 when it is used wrongly', async () => {
    for (const args of [
      ['flag', 'frobnicate'],
      ['flag', 'get'],
      ['flag', 'list', '-o', 'xml'],
      ['nope'],
      [],
    ]) {
      expect((await vexil(args)).code, args.join(' ')).toBe(2);
    }
  });

  it('exits with 4 when the key is not good enough', async () => {
    const { code, stderr } = await vexil(['flag', 'get', 'secret']);
    expect(code).toBe(4);
    expect(stderr).toContain('no key was sent');
  });

  it('exits with 1 and says so when there is no server', async () => {
    const { code, stderr } = await vexil(['flag', 'list'], { VEXIL_SERVER: '127.0.0.1:1' });
    expect(code).toBe(1);
    expect(stderr).toBe('error: cannot reach http://127.0.0.1:1: connection refused\n');
  });

  it('has colours when they are forced, and none otherwise', async () => {
    const forced = await vexil(['flag', 'get', 'nope'], { FORCE_COLOR: '1' });
    expect(forced.stderr).toContain('\u001b[31merror:\u001b[39m');
    const refused = await vexil(['flag', 'get', 'nope', '--no-color'], { FORCE_COLOR: '1' });
    expect(refused.stderr).not.toContain('\u001b');
  });

  it.each([
    [['--help'], 'Usage: vexil '],
    [['help', 'flag'], 'Usage: vexil flag '],
    [['flag', 'set-rollout', '--help'], 'Usage: vexil flag set-rollout '],
    [['--version'], 'vexil 0.'],
  ])('answers %j without a server', async (args, beginning) => {
    const { code, stdout } = await vexil(args, { VEXIL_SERVER: '127.0.0.1:1' });
    expect(code).toBe(0);
    expect(stdout.startsWith(beginning)).toBe(true);
  });
});
