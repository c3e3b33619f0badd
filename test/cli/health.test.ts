import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { managementUrl } from '../../src/cli/commands/health.ts';
import { UsageError } from '../../src/cli/usage-error.ts';
import { loadConfig } from '../../src/server/config.ts';
import { type Listener, listen } from '../../src/server/listen.ts';
import { createManagementHandler } from '../../src/server/management-server.ts';
import { createReadiness } from '../../src/server/readiness.ts';
import { runCli } from './run-cli.ts';

const readiness = createReadiness([]);
let listener: Listener;

beforeEach(async () => {
  readiness.unblock('starting');
  readiness.unblock('draining');
  listener = await listen({
    ...{ host: '127.0.0.1', port: 0, limits: loadConfig({}).connections },
    onRequest: createManagementHandler({ readiness, metrics: async () => '' }),
  });
});

afterEach(() => listener.destroy());

function health(...args: string[]) {
  return runCli(['health', ...args], { env: { VEXIL_MANAGEMENT_PORT: String(listener.port) } });
}

describe('vexil health', () => {
  it('exits with 0 while the service takes calls', async () => {
    expect(await health()).toEqual({ code: 0, stdout: 'ready\n', stderr: '' });
    expect(JSON.parse((await health('--json')).stdout)).toEqual({ ready: true });
  });

  it('exits with 1, and says why, while it does not', async () => {
    readiness.block('draining');
    const { code, stdout, stderr } = await health();
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('says 503: {"ready":false,"reasons":["draining"]}');
  });

  it('tells a live service that takes no calls from a dead one', async () => {
    readiness.block('draining');
    expect(await health('--live')).toEqual({ code: 0, stdout: 'live\n', stderr: '' });
    listener.destroy();
    const { code, stderr } = await health('--live');
    expect(code).toBe(1);
    expect(stderr).toContain('ECONNREFUSED');
  });

  it('gives up on a service that has stopped answering', async () => {
    const silent: Server = createServer();
    await new Promise<void>((resolve) => void silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    const env = { VEXIL_MANAGEMENT_PORT: String(port) };
    const { code, stderr } = await runCli(['health', '--timeout', '20'], { env });
    silent.close();
    expect(code).toBe(1);
    expect(stderr).toContain('does not answer within 20 ms');
  });

  it('finds the service where its own variables put it', () => {
    expect(managementUrl({})).toBe('http://127.0.0.1:8014');
    expect(managementUrl({ VEXIL_MANAGEMENT_HOST: '', VEXIL_MANAGEMENT_PORT: '' })).toBe(
      'http://127.0.0.1:8014',
    );
    expect(managementUrl({ VEXIL_MANAGEMENT_HOST: '0.0.0.0', VEXIL_MANAGEMENT_PORT: '1' })).toBe(
      'http://127.0.0.1:1',
    );
    expect(managementUrl({ VEXIL_MANAGEMENT_HOST: '::' })).toBe('http://[::1]:8014');
    expect(managementUrl({ VEXIL_MANAGEMENT_HOST: 'fd00::1' })).toBe('http://[fd00::1]:8014');
    expect(() => managementUrl({ VEXIL_MANAGEMENT_PORT: '0' })).toThrow(UsageError);
  });

  it('refuses a timeout that is none', async () => {
    expect((await health('--timeout', 'soon')).code).toBe(2);
  });
});
