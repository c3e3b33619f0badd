import { tmpdir } from 'node:os';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { run } from '../../src/cli/run.ts';

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliSurroundings {
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  readonly stdin?: string;
  readonly signal?: AbortSignal;
}

/** One command line in this process, with surroundings of its own: nothing of the user's is read. */
export async function runCli(
  args: readonly string[],
  surroundings: CliSurroundings = {},
): Promise<CliResult> {
  const { env = {}, cwd = tmpdir(), signal = new AbortController().signal } = surroundings;
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  stdin.end(surroundings.stdin ?? '');
  const io = { env: { HOME: '/nonexistent', ...env }, cwd, stdin, stdout, stderr, signal };
  const code = await run(args, io);
  stdout.end();
  stderr.end();
  return { code, stdout: await text(stdout), stderr: await text(stderr) };
}
