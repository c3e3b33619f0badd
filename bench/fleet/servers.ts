import { execFile, spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Unavailable } from '../lib/part.ts';
import { ROOT } from '../service/vexil.ts';
import type { Address } from './gate.ts';

/** A MongoDB engine and a NATS server that nobody else uses. Disposing of them ends them and removes the directory. */
export interface Servers extends Disposable {
  /** With their data, and room for more. */
  readonly directory: string;
  readonly mongo: Address;
  readonly nats: Address;
}

const SCRIPT = join(ROOT, '.ci/servers');
/** What they need is fetched at the first time. */
const STARTED_WITHIN_MS = 300_000;

/** Rejects with Unavailable if they cannot be started here. They end with this process, unless it is killed. */
export async function startServers(): Promise<Servers> {
  const directory = await mkdtemp(join(tmpdir(), 'vexil-bench-fleet-'));
  const stop = () => {
    spawnSync(SCRIPT, ['stop', directory], { stdio: 'ignore' });
    rmSync(directory, { recursive: true, force: true });
  };
  // The same signal may come twice, from a terminal and from npm.
  const onSignal = () => process.exit(130);
  process.once('exit', stop);
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  const dispose = () => {
    process.off('exit', stop);
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    stop();
  };
  try {
    const { stdout } = await promisify(execFile)(SCRIPT, ['start', directory], {
      timeout: STARTED_WITHIN_MS,
    });
    return {
      directory,
      mongo: addressIn(stdout, 'VEXIL_TEST_MONGODB_URI'),
      nats: addressIn(stdout, 'VEXIL_TEST_NATS_URL'),
      [Symbol.dispose]: dispose,
    };
  } catch (error) {
    dispose();
    throw new Unavailable(
      `MongoDB and NATS do not start here: ${error instanceof Error ? error.message : error}`,
    );
  }
}

/** The host and port in a line like `export NAME='scheme://host:port/…'`. */
function addressIn(text: string, name: string): Address {
  const found = new RegExp(`^export ${name}='[a-z]+://([0-9.]+):([0-9]+)`, 'm').exec(text);
  if (found === null) throw new Error(`.ci/servers does not say ${name}`);
  return { host: found[1] ?? '', port: Number(found[2]) };
}
