import { type Command, CommanderError } from 'commander';
import type { Io } from './io.ts';
import { createPrinter, type Printer } from './printer.ts';
import { createProgram, normalizeArguments } from './program.ts';
import type { Session } from './session.ts';
import { type GlobalOptions, loadSettings, type Settings } from './settings.ts';
import { UsageError } from './usage-error.ts';

/**
 * Runs one command line (without the program's name) and answers with its exit code: 0 done, 1 failed, 2 wrong
 * usage, 4 no sufficient key, 130 stopped by the user.
 */
export async function run(args: readonly string[], io: Io): Promise<number> {
  let print: Printer | undefined;
  let settings: Settings | undefined;
  let session: Session | undefined;
  const open = async (command: Command): Promise<Session> => {
    const options = command.optsWithGlobals<GlobalOptions>();
    print = createPrinter(io, options);
    settings = await loadSettings(options, io);
    session = await openSession(io, print, settings);
    return session;
  };
  try {
    await createProgram(io, open).parseAsync(normalizeArguments(args), { from: 'user' });
    return 0;
  } catch (error) {
    if (io.signal.aborted) return 130;
    return await report(error, print ?? createPrinter(io, {}), settings);
  } finally {
    session?.[Symbol.dispose]();
  }
}

async function openSession(io: Io, print: Printer, settings: Settings): Promise<Session> {
  const [{ createApiClient }, { createScope }, { createSession }] = await Promise.all([
    import('./client.ts'),
    import('./scope.ts'),
    import('./session.ts'),
  ]);
  const client = createApiClient(settings.server.value, settings.token?.value, io.signal);
  return createSession(io, print, settings, client, createScope(settings, client));
}

async function report(error: unknown, print: Printer, settings: Settings | undefined): Promise<number> {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof UsageError) {
    print.fail(error.message);
    return 2;
  }
  const { describeFailure } = await import('./failures.ts');
  const { lines, exitCode } = describeFailure(error, settings);
  const [first = 'failed', ...more] = lines;
  print.fail(first, ...more);
  return exitCode;
}
