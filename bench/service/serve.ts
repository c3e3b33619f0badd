import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { within } from '../lib/within.ts';
import { entryOf } from './checkout.ts';
import { environmentOf } from './vexil.ts';

/** A server just as a user runs it, with nothing of the benchmark in it. */
export interface PlainServer extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  /** From the start of the process until it said that it is ready. */
  readonly startMs: number;
}

const READY_WITHIN_MS = 60_000;
const STOPPED_WITHIN_MS = 20_000;

/** Runs `vexil serve`. Rejects if it ends before it is ready. */
export async function servePlainly(
  root: string,
  dataDir: string,
  args: readonly string[] = [],
): Promise<PlainServer> {
  const startedAtMs = performance.now();
  const child = spawn(process.execPath, [entryOf(root), 'serve', ...args], {
    cwd: root,
    env: { PATH: process.env.PATH ?? '', NODE_ENV: 'production', ...environmentOf(dataDir) },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const gone = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`vexil serve ended with ${code ?? signal}`);
  });
  gone.catch(() => undefined);
  const end = () => child.kill('SIGTERM');
  process.on('exit', end);
  const url = await within(READY_WITHIN_MS, 'a server', Promise.race([gone, readyUrl(child.stdout)]));
  return {
    port: Number(new URL(url).port),
    pid: child.pid ?? 0,
    startMs: performance.now() - startedAtMs,
    async [Symbol.asyncDispose]() {
      end();
      process.off('exit', end);
      const kill = setTimeout(() => child.kill('SIGKILL'), STOPPED_WITHIN_MS);
      await gone.catch(() => undefined);
      clearTimeout(kill);
    },
  };
}

/** Reads on after that, so that the server never waits for its log to be read. */
function readyUrl(output: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve) => {
    createInterface({ input: output }).on('line', (line) => {
      if (line.includes('"msg":"ready"')) resolve(JSON.parse(line).url);
    });
  });
}
