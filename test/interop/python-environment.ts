import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const PACKAGES = ['grpcio==1.85.1', 'grpcio-tools==1.85.1', 'googleapis-common-protos==1.76.0'];
const PROTO = fileURLToPath(new URL('../../proto', import.meta.url));
const INSTALL_MS = 240_000;
const RUN_MS = 60_000;

const execute = promisify(execFile);

/** A Python of its own with grpcio in it, and stubs made from the .proto files. */
export interface PythonEnvironment extends AsyncDisposable {
  readonly directory: string;
  /** Runs a script and resolves to what it wrote; rejects, with what it complained of, if it failed. */
  run(script: string, ...args: readonly string[]): Promise<string>;
}

/**
 * Undefined, after a line that says so, where there is no Python: nobody has to have it, not even with
 * VEXIL_TEST_STRICT=1. With that, it rejects if there is a Python and grpcio cannot be had for it.
 */
export async function openPython(): Promise<PythonEnvironment | undefined> {
  const path = (process.env.PATH ?? '').split(delimiter).map((each) => join(each, 'python3'));
  const python = path.find((candidate) => existsSync(candidate));
  if (python === undefined) return skipped('there is no python3');
  const directory = await mkdtemp(join(tmpdir(), 'vexil-python-'));
  const remove = () => rm(directory, { recursive: true, force: true });
  const own = join(directory, 'venv', 'bin', 'python');
  try {
    await execute(python, ['-m', 'venv', join(directory, 'venv')], { timeout: INSTALL_MS });
    await execute(own, ['-m', 'pip', 'install', '--quiet', ...PACKAGES], { timeout: INSTALL_MS });
  } catch (error) {
    await remove();
    if (process.env.VEXIL_TEST_STRICT === '1') throw error;
    return skipped(`grpcio cannot be installed: ${error instanceof Error ? error.message : error}`);
  }
  const stubs = join(directory, 'stubs');
  await makeStubs(own, stubs);
  const options = {
    timeout: RUN_MS,
    env: { PATH: process.env.PATH ?? '', PYTHONPATH: stubs, no_proxy: '*' },
  };
  return {
    directory,
    run: async (script, ...args) => (await execute(own, [script, ...args], options)).stdout,
    [Symbol.asyncDispose]: remove,
  };
}

async function makeStubs(python: string, directory: string): Promise<void> {
  await mkdir(directory);
  const files = ['definitions', 'evaluation'].map((name) => join(PROTO, 'vexil', 'v1', `${name}.proto`));
  const out = [`--python_out=${directory}`, `--grpc_python_out=${directory}`];
  await execute(python, ['-m', 'grpc_tools.protoc', `-I${PROTO}`, ...out, ...files]);
}

function skipped(why: string): undefined {
  process.stderr.write(`\n*** SKIPPED: ${why}. ***\n\n`);
  return undefined;
}
