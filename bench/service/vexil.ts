import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BenchFlag } from '../evaluator/scenario.ts';
import { entryOf, knowsVariable } from './checkout.ts';
import { type Definition, fill } from './fill.ts';
import { PATHS } from './requests.ts';
import { type Service, startServer } from './service.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface VexilOptions {
  /** Default: `vexil`. */
  readonly name?: string;
  /** The checkout whose sources are run. */
  readonly root: string;
  /** Variables besides those that every server of the benchmark gets. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Vexil with flags in it, and what it says they are. */
export interface VexilService extends Service {
  readonly definitions: readonly Definition[];
}

/** Runs `vexil serve` on a data directory of its own, which is removed at the end, and makes the flags through its API. */
export async function startVexil(flags: readonly BenchFlag[], options: VexilOptions): Promise<VexilService> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'vexil-bench-'));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const { port, pid, probe } = stack.use(
    await startServer(entryOf(options.root), {
      args: ['serve'],
      cwd: options.root,
      env: { ...environmentOf(directory), ...recordingNothing(options.root), ...options.env },
    }),
  );
  const { definitions, token, change } = await fill(port, directory, flags);
  const all = stack.move();
  return {
    name: options.name ?? 'vexil',
    ...{ port, pid, probe, token, change, definitions, watchPath: PATHS.watchFlags },
    // Hello, one part of a snapshot and its end.
    messagesAtStart: 3,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** Nobody else records who was told what: part `exposures` says what that costs. */
function recordingNothing(root: string): Readonly<Record<string, string>> {
  return knowsVariable(root, 'EXPOSURE_VARIABLES') ? { VEXIL_EXPOSURES: 'off' } : {};
}

/** For a server that listens where there is room, and that the load of a benchmark does not bring to its limits. */
export function environmentOf(dataDir: string): Record<string, string> {
  return {
    VEXIL_PORT: '0',
    VEXIL_MANAGEMENT_PORT: '0',
    VEXIL_DATA_DIR: dataDir,
    // Bookmarks of watches would be counted as news.
    VEXIL_HEARTBEAT_MS: '3600000',
    VEXIL_MAX_CALLS_PER_KEY_PER_SECOND: '1000000000',
    VEXIL_LIMIT_FLAGS: '200000',
  };
}
