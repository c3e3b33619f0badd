import type { Command } from 'commander';
import { FlagService } from '../../../gen/vexil/v1/flag_service_pb.ts';
import { asked, type ChangeFlags, changeOptions, changing } from '../change-flags.ts';
import { placeOf } from '../lifecycle.ts';
import { keyOf } from '../names.ts';
import type { OpenSession } from '../session.ts';

const { method } = FlagService;

/** `flag prerequisite add|remove`. */
export function registerPrerequisites(flag: Command, open: OpenSession): void {
  const prerequisite = flag
    .command('prerequisite')
    .description('Flags that must serve something else first.');
  changing(prerequisite.command('add'))
    .argument('<flag>')
    .argument('<required-flag>')
    .argument('<variation...>', 'one of which it must serve')
    .description('Let a flag follow its rules only while another serves one of these variations.')
    .action(
      async (key: string, required: string, variations: string[], options: ChangeFlags, command: Command) => {
        const session = await open(command);
        const name = await session.scope.settings(key);
        const done = `made dependent on ${keyOf(required)} serving ${variations.join(' or ')}`;
        const deed = { subject: `flag ${keyOf(name)}`, done, ...placeOf(name), ...asked(options) };
        const prerequisite = { flag: keyOf(required), variations };
        const input = { name, prerequisite, options: changeOptions(options) };
        await session.change(method.setPrerequisite, input, deed);
      },
    );
  changing(prerequisite.command('remove'))
    .argument('<flag>')
    .argument('<required-flag>')
    .description('Let a flag no longer depend on another.')
    .action(async (key: string, required: string, options: ChangeFlags, command: Command) => {
      const session = await open(command);
      const name = await session.scope.settings(key);
      const done = `made independent of ${keyOf(required)}`;
      const deed = { subject: `flag ${keyOf(name)}`, done, ...placeOf(name), ...asked(options) };
      const input = { name, flag: keyOf(required), options: changeOptions(options) };
      await session.change(method.removePrerequisite, input, deed);
    });
}
