import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

const ENVIRONMENT = { PATH: process.env.PATH ?? '', HOME: '/nonexistent', NO_PROXY: '*', NO_COLOR: '1' };
const LONGEST_MS = 60_000;

/** Runs a program to its end, with nothing of this process's environment but the path. */
export async function runCommand(
  program: string,
  args: readonly string[],
  input: string | Uint8Array = '',
): Promise<CommandResult> {
  const child = spawn(program, args, { env: ENVIRONMENT, timeout: LONGEST_MS });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [stdout, stderr] = await Promise.all([
    buffer(child.stdout),
    buffer(child.stderr),
    once(child, 'close'),
  ]);
  return { code: child.exitCode, stdout, stderr: stderr.toString() };
}
