import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configPath, writeConfig } from '../../src/cli/config-file.ts';
import { type GlobalOptions, isLoopback, loadSettings, serverUrl } from '../../src/cli/settings.ts';
import { runCli } from './run-cli.ts';

let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'vexil-cli-'));
});

afterEach(() => rm(home, { recursive: true }));

const inHome = (env: Record<string, string> = {}) => ({ XDG_CONFIG_HOME: home, ...env });

function load(options: GlobalOptions, env: Record<string, string> = {}) {
  const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
  const { signal } = new AbortController();
  return loadSettings(options, { env: inHome(env), cwd: home, signal, ...streams });
}

async function writeContext() {
  const target = { server: 'http://ctx:1', token: 'ctx-key', project: 'ctx', environment: 'ctx-env' };
  await writeConfig(configPath(inHome()), { current: 'main', contexts: new Map([['main', target]]) });
}

async function writeAdminKey() {
  await mkdir(join(home, 'data'));
  await writeFile(join(home, 'data', 'admin.key'), 'vx_admin_1_secret\n', { mode: 0o600 });
}

describe('settings', () => {
  it('are an unnamed project on the local server if nobody says anything', async () => {
    expect(await load({})).toEqual({
      server: { value: 'http://127.0.0.1:8013', source: 'default' },
      token: undefined,
      project: undefined,
      environment: undefined,
    });
  });

  it('come from the options before the environment before the current context', async () => {
    await writeContext();
    const env = { VEXIL_SERVER: 'env:2', VEXIL_PROJECT: 'from-env', VEXIL_TOKEN: 'env-key' };
    const settings = await load({ server: 'https://flag:3/' }, env);
    expect(settings).toEqual({
      server: { value: 'https://flag:3', source: '--server' },
      token: { value: 'env-key', source: 'VEXIL_TOKEN' },
      project: { value: 'from-env', source: 'VEXIL_PROJECT' },
      environment: { value: 'ctx-env', source: 'context main' },
    });
  });

  it("send a context's key to that context's server only", async () => {
    await writeContext();
    expect((await load({})).token?.value).toBe('ctx-key');
    expect((await load({ server: 'http://ctx:1' })).token?.value).toBe('ctx-key');
    expect((await load({ server: 'http://elsewhere:1' })).token).toBeUndefined();
  });

  it('read the key of the data directory for a server on this machine only', async () => {
    await writeAdminKey();
    expect((await load({})).token?.value).toBe('vx_admin_1_secret');
    expect((await load({ server: 'localhost:9000' })).token?.value).toBe('vx_admin_1_secret');
    expect((await load({ server: 'http://flags.example' })).token).toBeUndefined();
  });

  it('read a key from a file, and fail if there is none', async () => {
    const path = join(home, 'key');
    await writeFile(path, 'from-file\n');
    expect((await load({}, { VEXIL_TOKEN_FILE: path })).token?.value).toBe('from-file');
    await expect(load({ tokenFile: join(home, 'nothing') })).rejects.toThrow('cannot read');
  });

  it('refuse a context that does not exist', async () => {
    await expect(load({}, { VEXIL_CONTEXT: 'gone' })).rejects.toThrow('there is no context gone');
  });
});

describe('an address', () => {
  it('needs no scheme', () => {
    expect(serverUrl('flags.example:8013')).toBe('http://flags.example:8013');
  });

  it.each([
    ['http://127.0.0.1:8013', true],
    ['http://127.9.9.9', true],
    ['http://localhost:1', true],
    ['http://[::1]:1', true],
    ['http://127.0.0.1.example', false],
    ['http://localhost.example', false],
    ['http://10.0.0.1', false],
  ])('%s is this machine: %s', (server, expected) => {
    expect(isLoopback(server)).toBe(expected);
  });
});

describe('contexts', () => {
  it('are set, used and listed, in a file that only the user can read', async () => {
    const env = inHome();
    await runCli(['context', 'set', 'local', '--server', 'localhost:1', '--project', 'shop'], { env });
    await runCli(['context', 'set', 'prod', '--server', 'https://flags.example', '--token', 'k'], { env });
    await runCli(['context', 'use', 'prod'], { env });
    const { stdout } = await runCli(['context', 'list'], { env });
    expect(stdout.split('\n').map((line) => line.trimEnd())).toEqual([
      '   NAME   SERVER                 PROJECT  ENVIRONMENT',
      '   local  http://localhost:1     shop',
      '*  prod   https://flags.example',
      '',
    ]);
    const { mode } = await stat(configPath(env));
    expect(mode & 0o777).toBe(0o600);
  });

  it('can be changed while the current one is gone', async () => {
    const env = inHome({ VEXIL_CONTEXT: 'gone' });
    expect(await runCli(['context', 'set', 'a', '--server', 'x:1'], { env })).toMatchObject({ code: 0 });
    expect(await runCli(['context', 'use', 'b'], { env })).toMatchObject({ code: 2 });
  });

  it('never show a key', async () => {
    await writeContext();
    const printed = await runCli(['config', 'print'], { env: inHome({ VEXIL_TOKEN: 'vx_admin_k1_secret' }) });
    expect(printed.stdout).toContain('vx_admin_k1_…');
    expect(printed.stdout).not.toContain('secret');
    const other = await runCli(['config', 'print'], {
      env: inHome({ VEXIL_TOKEN: 'some_other_secret_thing' }),
    });
    expect(other.stdout).not.toContain('some');
    const listed = await runCli(['context', 'list', '-o', 'json'], { env: inHome() });
    expect(listed.stdout).not.toContain('ctx-key');
  });
});
