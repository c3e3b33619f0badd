import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { toolOrSkip } from './require-tool.ts';
import { dieTogether, type Exit, exitOf } from './server-process.ts';
import { serverOrSkip } from './test-server.ts';

const READY_WITHIN_MS = 10_000;

/** The URL of a NATS server to test with; undefined where the suite is to be skipped. */
export async function natsServerOrSkip(): Promise<string | undefined> {
  return await serverOrSkip({
    name: 'NATS',
    variable: 'VEXIL_TEST_NATS_URL',
    image: 'nats:2',
    port: 4_222,
    readyLine: /Server is ready/,
    address: (host, port) => `nats://${host}:${port}`,
  });
}

/** The program, for tests that end servers of their own; undefined where they are to be skipped. */
export function natsProgramOrSkip(): string | undefined {
  const path = process.env.PATH ?? '';
  return toolOrSkip(
    'nats-server',
    ...[...path.split(':'), '/usr/sbin'].map((directory) => join(directory, 'nats-server')),
  );
}

/** A nats-server of the test's own, at the same address each time. Killed when disposed. */
export interface NatsProcess extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Resolves when it accepts connections. */
  start(...args: readonly string[]): Promise<void>;
  /** Resolves when it is gone. */
  kill(signal?: NodeJS.Signals): Promise<Exit>;
  /** Sends a signal that does not end it. */
  signal(signal: NodeJS.Signals): void;
}

/** On a free port of 127.0.0.1, and not started yet. `args` are for every start. */
export async function natsProcess(program: string, ...args: readonly string[]): Promise<NatsProcess> {
  const port = await freePort();
  let running: Running | undefined;
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    async start(...more) {
      running = launch(program, ['-a', '127.0.0.1', '-p', String(port), ...args, ...more]);
      await Promise.race([answering(port), running.failed]);
    },
    kill: async (signal = 'SIGKILL') => (await running?.kill(signal)) ?? { code: null, signal: null },
    signal: (signal) => void running?.child.kill(signal),
    async [Symbol.asyncDispose]() {
      await running?.kill('SIGKILL');
    },
  };
}

type Running = ReturnType<typeof launch>;

function launch(program: string, args: readonly string[]) {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let output = '';
  child.stderr.on('data', (chunk) => {
    output = (output + String(chunk)).slice(-5_000);
  });
  const exited = exitOf(child);
  dieTogether(child, exited);
  const failed = exited.then(({ code, signal }) => {
    throw new Error(`nats-server ended with ${code ?? signal}\n${output}`);
  });
  failed.catch(() => undefined);
  return {
    child,
    failed,
    kill: async (signal: NodeJS.Signals) => {
      child.kill(signal);
      return await exited;
    },
  };
}

/** Resolves when a NATS server greets whoever connects. */
async function answering(port: number): Promise<void> {
  const until = performance.now() + READY_WITHIN_MS;
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'data');
      return;
    } catch (error) {
      if (performance.now() > until) throw error;
      await new Promise((resume) => setTimeout(resume, 20));
    } finally {
      socket.destroy();
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
