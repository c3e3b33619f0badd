import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Command } from 'commander';
import type { ChangeOptionsSchema } from '../../gen/vexil/v1/changes_pb.ts';
import {
  asked,
  changeOptions,
  changing,
  confirm,
  type DestructiveFlags,
  destructive,
} from './change-flags.ts';
import { environmentOf, keyOf } from './names.ts';
import type { OpenSession, Session } from './session.ts';
import type { Deed } from './view/receipt.ts';

/** One thing that can be done to an existing object without saying more than which one. */
export interface Step {
  /** `archive` */
  readonly verb: string;
  /** `archived` */
  readonly done: string;
  readonly description: string;
  /** Ask before. */
  readonly asks?: boolean;
  /** Unless told otherwise: until every replica has it, or for so long at most. Default: not at all. */
  readonly waits?: string;
  readonly act: (
    session: Session,
    input: { readonly name: string; readonly options: MessageInitShape<typeof ChangeOptionsSchema> },
    deed: Deed,
  ) => Promise<unknown>;
}

/** Adds a command for each step. `nameOf` turns what was typed into a resource name. */
export function addSteps(
  parent: Command,
  open: OpenSession,
  noun: string,
  nameOf: (session: Session, text: string) => string | Promise<string>,
  steps: readonly Step[],
): void {
  for (const { verb, done, description, asks = false, waits = '0', act } of steps) {
    const command = parent.command(verb);
    (asks ? destructive(command) : changing(command))
      .argument(`<${noun}>`)
      .description(description)
      .action(async (text: string, flags: DestructiveFlags) => {
        const session = await open(command);
        const name = await nameOf(session, text);
        const deed = { subject: `${noun} ${keyOf(name)}`, done, ...placeOf(name), ...asked(flags) };
        if (asks) await confirm(session, flags, `${capitalized(verb)} ${deed.subject}?`);
        await act(session, { name, options: changeOptions({ wait: waits, ...flags }) }, deed);
      });
  }
}

/** `in production` for settings, which are all that a name has below an environment. */
export function placeOf(name: string): { readonly where?: string } {
  const environment = environmentOf(name);
  if (environment === undefined || environment === name) return {};
  return { where: `in ${keyOf(environment)}` };
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
