import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const READY_WITHIN_MS = 45_000;
const KEPT_OUTPUT = 20_000;

export interface ServerOptions {
  /** VEXIL_* variables besides those for ports and the data directory. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: a new one, which is removed at the end. */
  readonly dataDir?: string;
  /** Told of the process as soon as there is one, long before it is ready. */
  readonly onStarted?: (pid: number) => void;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The service as a process of its own. What it says about itself is new after a restart. */
export interface ServerProcess extends AsyncDisposable {
  readonly url: string;
  /** Host and port, as gRPC clients want it. */
  readonly address: string;
  readonly port: number;
  readonly managementUrl: string;
  readonly dataDir: string;
  /** Throws for a replica that did not make the first key of its fleet. */
  readonly adminToken: string;
  readonly pid: number;
  /** What the process has written since it was started, for messages of failed tests. */
  output(): string;
  /** Sends the signal and resolves when the process is gone. */
  kill(signal: NodeJS.Signals): Promise<Exit>;
  /** Ends the process in an orderly way; rejects unless it exits with 0. */
  stop(): Promise<void>;
  /** Starts it again, on the same data and on other ports; ends it first if it still runs. */
  restart(): Promise<void>;
}

/**
 * Starts `vexil serve` on free ports and resolves when it is ready. Rejects with what it wrote if it does not get
 * that far. The process dies with this one, however this one ends.
 */
export async function startServer(options: ServerOptions = {}): Promise<ServerProcess> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'vexil-e2e-')));
  const removeOwn = async () => {
    if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
  };
  const start = () => launch(dataDir, options.env ?? {}, options.onStarted);
  let run = await start().catch(async (error) => {
    await removeOwn();
    throw error;
  });
  return {
    get url() {
      return run.url;
    },
    get address() {
      return new URL(run.url).host;
    },
    get port() {
      return Number(new URL(run.url).port);
    },
    get managementUrl() {
      return run.managementUrl;
    },
    get pid() {
      return run.pid;
    },
    dataDir,
    get adminToken() {
      return readFileSync(join(dataDir, 'admin.key'), 'utf8').trim();
    },
    output: () => run.output(),
    kill: (signal) => run.kill(signal),
    async stop() {
      const { code, signal } = await run.kill('SIGTERM');
      if (code !== 0) throw new Error(`the server ended with ${code ?? signal}\n${run.output()}`);
    },
    async restart() {
      await run.kill('SIGTERM');
      run = await start();
    },
    async [Symbol.asyncDispose]() {
      await run.kill('SIGKILL');
      await removeOwn();
    },
  };
}

interface Run {
  readonly url: string;
  readonly managementUrl: string;
  readonly pid: number;
  output(): string;
  kill(signal: NodeJS.Signals): Promise<Exit>;
}

async function launch(
  dataDir: string,
  env: Readonly<Record<string, string>>,
  onStarted: (pid: number) => void = () => undefined,
): Promise<Run> {
  const child = spawn(process.execPath, ['src/cli/vexil.js', 'serve'], {
    cwd: ROOT,
    env: {
      PATH: process.env.PATH ?? '',
      VEXIL_PORT: '0',
      VEXIL_MANAGEMENT_PORT: '0',
      VEXIL_DATA_DIR: dataDir,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = exitOf(child);
  if (child.pid !== undefined) onStarted(child.pid);
  dieTogether(child, exited);
  const output = collect(child);
  const kill = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    return await exited;
  };
  try {
    return { ...(await ready(child, exited)), pid: child.pid ?? 0, output, kill };
  } catch (error) {
    await kill('SIGKILL');
    throw new Error(
      `the server did not start: ${error instanceof Error ? error.message : error}\n${output()}`,
    );
  }
}

export function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    child.on('exit', (code, signal) => resolve({ code, signal }));
    child.on('error', () => resolve({ code: -1, signal: null }));
  });
}

/** A shell that waits for a word, and kills the server if this process ends without having said it. */
export function dieTogether({ pid }: ChildProcess, exited: Promise<Exit>): void {
  if (pid === undefined) return;
  const watchdog = spawn('sh', ['-c', 'read -r _ || kill -9 "$0"', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  watchdog.unref();
  watchdog.stdin.on('error', () => undefined);
  void exited.then(() => watchdog.stdin.end('gone\n'));
}

function collect({ stdout, stderr }: ChildProcess): () => string {
  let output = '';
  for (const stream of [stdout, stderr])
    stream?.on('data', (chunk) => {
      output = (output + String(chunk)).slice(-KEPT_OUTPUT);
    });
  return () => output;
}

async function ready(child: ChildProcess, exited: Promise<Exit>) {
  if (child.stdout === null) throw new Error('it has no output');
  const lines = createInterface({ input: child.stdout });
  const found = new Promise<{ url: string; managementUrl: string }>((resolve) => {
    lines.on('line', (line) => {
      const record = recordIn(line);
      if (record.msg === 'ready')
        resolve({ url: String(record.url), managementUrl: String(record.management) });
    });
  });
  const gone = exited.then(({ code, signal }) => {
    throw new Error(`it ended with ${code ?? signal}`);
  });
  const late = AbortSignal.timeout(READY_WITHIN_MS);
  const timeout = once(late, 'abort').then(() => {
    throw new Error(`it was not ready within ${READY_WITHIN_MS} ms`);
  });
  return await Promise.race([found, gone, timeout]);
}

function recordIn(line: string): Record<string, unknown> {
  try {
    const record: unknown = JSON.parse(line);
    return typeof record === 'object' && record !== null ? { ...record } : {};
  } catch {
    return {};
  }
}
