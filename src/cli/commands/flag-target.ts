import type { Command } from 'commander';
import { FlagService } from '../../../gen/vexil/v1/flag_service_pb.ts';
import { asked, type ChangeFlags, changeOptions, changing } from '../change-flags.ts';
import { placeOf } from '../lifecycle.ts';
import { keyOf } from '../names.ts';
import type { OpenSession } from '../session.ts';

const { method } = FlagService;

/** `flag target add|remove`. */
export function registerTargets(flag: Command, open: OpenSession): void {
  const target = flag
    .command('target')
    .description('Targeting keys that get one variation whatever the rules say.');
  changing(target.command('add'))
    .argument('<flag>')
    .argument('<variation>')
    .argument('<targeting-key...>')
    .description('Give these targeting keys this variation.')
    .action(
      async (
        key: string,
        variation: string,
        targetingKeys: string[],
        options: ChangeFlags,
        command: Command,
      ) => {
        const session = await open(command);
        const name = await session.scope.settings(key);
        const done = `targeted with ${variation} at ${targetingKeys.join(', ')}`;
        const deed = { subject: `flag ${keyOf(name)}`, done, ...placeOf(name), ...asked(options) };
        const input = { name, variation, targetingKeys, options: changeOptions(options) };
        await session.change(method.setTarget, input, deed);
      },
    );
  changing(target.command('remove'))
    .argument('<flag>')
    .argument('<targeting-key...>')
    .description('Take these targeting keys out of every target.')
    .action(async (key: string, targetingKeys: string[], options: ChangeFlags, command: Command) => {
      const session = await open(command);
      const name = await session.scope.settings(key);
      const done = `no longer targeted at ${targetingKeys.join(', ')}`;
      const deed = { subject: `flag ${keyOf(name)}`, done, ...placeOf(name), ...asked(options) };
      const input = { name, targetingKeys, options: changeOptions(options) };
      await session.change(method.removeTarget, input, deed);
    });
}
