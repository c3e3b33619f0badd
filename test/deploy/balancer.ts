import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { dieTogether, exitOf } from '../support/server-process.ts';

const CONFIG = new URL('../../deploy/haproxy.cfg', import.meta.url);
const READY_WITHIN_MS = 20_000;

export interface Backend {
  readonly url: string;
  readonly managementUrl: string;
}

/** HAProxy as `deploy/haproxy.cfg` has it, but for the addresses: these replicas, and free ports of its own. */
export interface Balancer extends AsyncDisposable {
  readonly url: string;
  /** Host and port, as gRPC clients want it. */
  readonly address: string;
  readonly managementAddress: string;
  /** Resolves once it sends calls to that many replicas. */
  knows(replicas: number): Promise<void>;
}

/** Starts one with three replicas in place of those that the file names. Dies with this process. */
export async function startBalancer(program: string, replicas: readonly Backend[]): Promise<Balancer> {
  const directory = await mkdtemp(join(tmpdir(), 'vexil-haproxy-'));
  const [port, managementPort, statsPort] = [await freePort(), await freePort(), await freePort()];
  const file = join(directory, 'haproxy.cfg');
  const stats = `\nfrontend stats\n  bind 127.0.0.1:${statsPort}\n  stats enable\n  stats uri /\n`;
  const own = (await readFile(CONFIG, 'utf8'))
    .replace('bind :8013', `bind 127.0.0.1:${port}`)
    .replace('bind :8014', `bind 127.0.0.1:${managementPort}`);
  await writeFile(file, withServers(own, replicas) + stats);
  const child = spawn(program, ['-db', '-f', file], { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = exitOf(child);
  dieTogether(child, exited);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      output += String(chunk);
    });
  const balancer: Balancer = {
    url: `http://127.0.0.1:${port}`,
    address: `127.0.0.1:${port}`,
    managementAddress: `127.0.0.1:${managementPort}`,
    async knows(count) {
      const giveUpAt = performance.now() + READY_WITHIN_MS;
      for (;;) {
        if (child.exitCode !== null) throw new Error(`HAProxy has ended: ${output}`);
        const states = await serversUp(statsPort);
        if (states.size === 3 && [...states.values()].every((up) => up === count)) return;
        if (performance.now() > giveUpAt)
          throw new Error(`HAProxy knows ${JSON.stringify([...states])}: ${output}`);
        await delay(50);
      }
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exited;
      await rm(directory, { recursive: true, force: true });
    },
  };
  await balancer.knows(replicas.length);
  return balancer;
}

/** How many servers take calls, by backend. */
async function serversUp(statsPort: number): Promise<Map<string, number>> {
  const response = await fetch(`http://127.0.0.1:${statsPort}/;csv`).catch(() => undefined);
  const up = new Map<string, number>();
  for (const line of (await response?.text())?.split('\n') ?? []) {
    const [backend = '', server = '', ...columns] = line.split(',');
    if (!server.startsWith('vexil-')) continue;
    up.set(backend, (up.get(backend) ?? 0) + (columns.includes('UP') ? 1 : 0));
  }
  return up;
}

function withServers(config: string, replicas: readonly Backend[]): string {
  return config.replaceAll(
    /^ {2}server vexil-(\d) vexil-\d:(\d+)$/gm,
    (_line, number: string, port: string) => {
      const replica = replicas[Number(number) - 1];
      if (replica === undefined) return '';
      const [main, management] = [new URL(replica.url), new URL(replica.managementUrl)];
      return `  server vexil-${number} ${port === '8014' ? management.host : main.host} port ${management.port}`;
    },
  );
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
