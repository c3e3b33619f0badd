import type { Command } from 'commander';
import { FlagSchema, FlagStatus, FlagType } from '../../../gen/vexil/v1/definitions_pb.ts';
import { FlagService } from '../../../gen/vexil/v1/flag_service_pb.ts';
import { collect } from '../change-flags.ts';
import { addSteps, type Step } from '../lifecycle.ts';
import { collectPages, pageSize } from '../pages.ts';
import { parseEnum } from '../parse/enumeration.ts';
import type { OpenSession } from '../session.ts';
import { flagTable, flagText } from '../view/flag.ts';
import { registerDefinition } from './flag-definition.ts';
import { registerGuards } from './flag-guard.ts';
import { registerPrerequisites } from './flag-prerequisite.ts';
import { registerRules } from './flag-rule.ts';
import { registerSchedule } from './flag-schedule.ts';
import { registerSettings } from './flag-settings.ts';
import { registerTargets } from './flag-target.ts';
import { registerVariations } from './flag-variation.ts';

const { method } = FlagService;

interface ListFlags {
  readonly query?: string;
  readonly tag?: readonly string[];
  readonly status?: readonly string[];
  readonly type?: readonly string[];
  readonly owner?: string;
  readonly temporary?: boolean;
  readonly clientVisible?: boolean;
}

const steps: readonly Step[] = [
  {
    verb: 'archive',
    done: 'archived',
    description: 'Let a flag answer FLAG_NOT_FOUND everywhere, until it is restored.',
    asks: true,
    act: (session, input, deed) => session.change(method.archiveFlag, input, deed),
  },
  {
    verb: 'restore',
    done: 'restored',
    description: 'Bring an archived flag back.',
    act: (session, input, deed) => session.change(method.restoreFlag, input, deed),
  },
  {
    verb: 'delete',
    done: 'deleted',
    description: 'Delete an archived flag. Its history stays.',
    asks: true,
    act: (session, input, deed) => session.change(method.deleteFlag, input, deed),
  },
];

export function register(flag: Command, open: OpenSession): void {
  registerReads(flag, open);
  registerDefinition(flag, open);
  addSteps(flag, open, 'flag', (session, key) => session.scope.named('flags', key), steps);
  registerSettings(flag, open);
  registerVariations(flag, open);
  registerTargets(flag, open);
  registerPrerequisites(flag, open);
  registerRules(flag, open);
  registerGuards(flag, open);
  registerSchedule(flag, open);
}

function registerReads(flag: Command, open: OpenSession): void {
  flag
    .command('get')
    .argument('<flag>')
    .description('Show a flag, and its state in every environment.')
    .action(async (key: string, _options: object, command: Command) => {
      const session = await open(command);
      const name = await session.scope.named('flags', key);
      const { flag: found } = await session.call(method.getFlag, { name });
      if (found === undefined) return;
      const isTable = session.print.format === 'table';
      const { settings } = isTable
        ? await session.call(method.listFlagSettings, { parent: name })
        : { settings: [] };
      await session.show(FlagSchema, found, () => flagText(found, settings));
    });
  flag
    .command('list')
    .description('List flags. Several filters must all hold.')
    .option('--query <text>', 'in the key, the name or the description')
    .option('--tag <tag>', 'has this tag (repeatable: has all of them)', collect)
    .option('--status <status>', 'draft, active or archived (repeatable); default: draft and active', collect)
    .option('--type <type>', 'boolean, string, number or json (repeatable)', collect)
    .option('--owner <owner>')
    .option('--temporary', 'meant to be removed again')
    .option('--no-temporary', 'meant to stay')
    .option('--client-visible', 'web keys may see its value')
    .option('--no-client-visible', 'web keys may not see its value')
    .action(async (options: ListFlags, command: Command) => {
      const session = await open(command);
      const filter = { parent: await session.scope.project(), pageSize, ...filterOf(options) };
      const flags = await collectPages(async (pageToken) => {
        const page = await session.call(method.listFlags, { ...filter, pageToken });
        return { items: page.flags, nextPageToken: page.nextPageToken };
      });
      await session.showAll(FlagSchema, flags, () => flagTable(flags));
    });
}

function filterOf({ query, tag, status, type, owner, temporary, clientVisible }: ListFlags) {
  return {
    query: query ?? '',
    owner: owner ?? '',
    tags: [...(tag ?? [])],
    statuses: (status ?? []).map((word) => parseEnum(FlagStatus, word)),
    types: (type ?? []).map((word) => parseEnum(FlagType, word)),
    ...(temporary === undefined ? {} : { temporary }),
    ...(clientVisible === undefined ? {} : { clientVisible }),
  };
}
