import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Command } from 'commander';
import { type CreateVariationRequestSchema, FlagService } from '../../../gen/vexil/v1/flag_service_pb.ts';
import {
  asked,
  type ChangeFlags,
  changeOptions,
  changing,
  confirm,
  type DestructiveFlags,
  destructive,
} from '../change-flags.ts';
import { keyOf } from '../names.ts';
import type { OpenSession, Session } from '../session.ts';
import { UsageError } from '../usage-error.ts';
import type { Deed } from '../view/receipt.ts';
import { parseVariation } from './flag-definition.ts';

const { method } = FlagService;

interface VariationFlags extends ChangeFlags {
  readonly name?: string;
  readonly description?: string;
}

/** `flag variation add|update|remove`. */
export function registerVariations(flag: Command, open: OpenSession): void {
  const variation = flag.command('variation').description('What a flag can answer.');
  for (const { verb, done, description, act } of writes) {
    changing(variation.command(verb))
      .argument('<flag>')
      .argument('<key=value>', 'JSON, or plain text for a string flag')
      .description(description)
      .option('--name <text>', 'its name for people')
      .option('--description <text>')
      .action(async (key: string, text: string, options: VariationFlags, command: Command) => {
        const session = await open(command);
        const parent = await session.scope.named('flags', key);
        const parsed = await parseFor(session, parent, text);
        const described = { displayName: options.name ?? '', description: options.description ?? '' };
        const input = { parent, variation: { ...parsed, ...described }, options: changeOptions(options) };
        const subject = `variation ${parsed.key} of flag ${keyOf(parent)}`;
        await act(session, input, { subject, done, ...asked(options) });
      });
  }
  destructive(variation.command('remove'))
    .argument('<flag>')
    .argument('<variation>')
    .description('Take a variation away that no environment serves any more.')
    .action(async (key: string, variationKey: string, options: DestructiveFlags, command: Command) => {
      const session = await open(command);
      const parent = await session.scope.named('flags', key);
      const subject = `variation ${variationKey} of flag ${keyOf(parent)}`;
      await confirm(session, options, `Remove ${subject}?`);
      const input = { parent, variationKey, options: changeOptions(options) };
      await session.change(method.deleteVariation, input, { subject, done: 'removed', ...asked(options) });
    });
}

interface Write {
  readonly verb: string;
  readonly done: string;
  readonly description: string;
  readonly act: (
    session: Session,
    input: Omit<MessageInitShape<typeof CreateVariationRequestSchema>, '$typeName' | '$unknown'>,
    deed: Deed,
  ) => Promise<unknown>;
}

const writes: readonly Write[] = [
  {
    verb: 'add',
    done: 'added',
    description: 'Give a flag one more variation.',
    act: (session, input, deed) => session.change(method.createVariation, input, deed),
  },
  {
    verb: 'update',
    done: 'updated',
    description: 'Replace a variation: value, name and description.',
    act: (session, input, deed) => session.change(method.updateVariation, input, deed),
  },
];

async function parseFor(session: Session, name: string, text: string) {
  const { flag } = await session.call(method.getFlag, { name });
  if (flag === undefined) throw new UsageError(`there is no flag ${name}`);
  return parseVariation(flag.type, text);
}
