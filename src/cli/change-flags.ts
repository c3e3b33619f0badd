import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Command } from 'commander';
import type { ChangeOptionsSchema } from '../../gen/vexil/v1/changes_pb.ts';
import { parseWait } from './parse/wait.ts';
import type { Session } from './session.ts';
import { UsageError } from './usage-error.ts';
import type { Deed } from './view/receipt.ts';

/** The options of every command that changes something. */
export interface ChangeFlags {
  readonly reason?: string;
  readonly idempotencyKey?: string;
  readonly dryRun?: boolean;
  readonly wait?: string;
}

export interface DestructiveFlags extends ChangeFlags {
  readonly yes?: boolean;
}

export function changing(command: Command): Command {
  return command
    .option('--reason <text>', 'why; kept in the log')
    .option('--idempotency-key <key>', 'a repeated call with the same key changes nothing twice')
    .option('--dry-run', 'check everything, change nothing')
    .option('--wait <time>', 'until every replica has it, or for so long at most, such as 10s');
}

/** For commands that ask before they act. */
export function destructive(command: Command): Command {
  return changing(command).option('-y, --yes', 'do not ask');
}

/** For options that may be given several times. */
export function collect(value: string, previous: readonly string[] = []): string[] {
  return [...previous, value];
}

export function changeOptions(flags: ChangeFlags): MessageInitShape<typeof ChangeOptionsSchema> {
  return {
    reason: flags.reason ?? '',
    idempotencyKey: flags.idempotencyKey ?? '',
    validateOnly: flags.dryRun ?? false,
    waitForFleetMs: flags.wait === undefined ? 0 : parseWait(flags.wait),
  };
}

/** The part of a deed that the options say. */
export function asked(flags: ChangeFlags): Pick<Deed, 'reason' | 'dryRun' | 'waits'> {
  return { reason: flags.reason ?? '', dryRun: flags.dryRun ?? false, waits: flags.wait !== undefined };
}

/** Returns once the user agreed. Throws a UsageError if they did not, or cannot be asked. */
export async function confirm(session: Session, flags: DestructiveFlags, question: string): Promise<void> {
  if (flags.yes === true || flags.dryRun === true) return;
  const { stdin, stderr, signal } = session.io;
  if (stdin.isTTY !== true) throw new UsageError(`${question} There is nobody to ask: give --yes`);
  const { createInterface } = await import('node:readline/promises');
  const terminal = createInterface({ input: stdin, output: stderr });
  try {
    const answer = await terminal.question(`${question} [y/N] `, { signal });
    if (!/^y(es)?$/i.test(answer.trim())) throw new UsageError('nothing done');
  } finally {
    terminal.close();
  }
}

/** The mask for the fields that were given a value. Throws a UsageError if none was. */
export function maskOf(given: Readonly<Record<string, unknown>>): { readonly paths: string[] } {
  const paths = Object.keys(given).filter((path) => given[path] !== undefined);
  if (paths.length === 0) throw new UsageError('nothing to change: see --help for what can be');
  return { paths };
}
