import type { Command } from 'commander';
import { FlagSettingsSchema, HashAlgorithm } from '../../../gen/vexil/v1/definitions_pb.ts';
import { FlagService } from '../../../gen/vexil/v1/flag_service_pb.ts';
import { asked, type ChangeFlags, changeOptions, changing, maskOf } from '../change-flags.ts';
import { addSteps, placeOf, type Step } from '../lifecycle.ts';
import { keyOf } from '../names.ts';
import { parseEnum } from '../parse/enumeration.ts';
import { formatPercent, parsePercent } from '../parse/percent.ts';
import type { OpenSession } from '../session.ts';
import { settingsText } from '../view/flag.ts';

const { method } = FlagService;

interface ConfigureFlags extends ChangeFlags {
  readonly default?: string;
  readonly bucketBy?: string;
  readonly salt?: string;
  readonly hash?: string;
}

const steps: readonly Step[] = [
  {
    verb: 'enable',
    done: 'enabled',
    description: 'Let a flag follow its rules in an environment.',
    act: (session, input, deed) => session.change(method.enableFlag, input, deed),
  },
  {
    verb: 'disable',
    done: 'disabled',
    description: 'Let a flag answer its default variation in an environment.',
    act: (session, input, deed) => session.change(method.disableFlag, input, deed),
  },
  {
    verb: 'halt',
    done: 'halted',
    description:
      'The kill switch: the default variation for everybody, whatever else is set. Does not ask, and waits 5s for every replica to have it.',
    waits: '5s',
    act: (session, input, deed) =>
      session.change(method.haltFlag, { ...input, reason: deed.reason ?? '' }, deed),
  },
  {
    verb: 'resume',
    done: 'resumed',
    description: 'End a halt.',
    act: (session, input, deed) => session.change(method.resumeFlag, input, deed),
  },
];

/** `flag enable|disable|halt|resume|set-rollout|settings|configure`. */
export function registerSettings(flag: Command, open: OpenSession): void {
  addSteps(flag, open, 'flag', (session, key) => session.scope.settings(key), steps);
  registerRollout(flag, open);
  registerShow(flag, open);
  registerConfigure(flag, open);
}

function registerRollout(flag: Command, open: OpenSession): void {
  changing(flag.command('set-rollout'))
    .argument('<flag>')
    .argument('<percentage>', 'such as 30 or 12.5%, at most three decimals')
    .description('Let this part of everybody in. Raising it never takes anybody out.')
    .option('--rule <id>', 'of this rule; default: the rule named rollout, made if need be')
    .option('--variation <key>', 'what the rule named rollout serves')
    .action(async (key: string, text: string, options: RolloutFlags, command: Command) => {
      const weight = parsePercent(text);
      const session = await open(command);
      const name = await session.scope.settings(key);
      const { rule: ruleId = '', variation = '' } = options;
      const of = ruleId === '' ? '' : ` of rule ${ruleId}`;
      const deed = {
        subject: `flag ${keyOf(name)}`,
        done: `rolled out to ${formatPercent(weight)}${of}`,
        ...placeOf(name),
        ...asked(options),
      };
      const input = { name, ruleId, weight, variation, options: changeOptions(options) };
      await session.change(method.setRollout, input, deed);
    });
}

interface RolloutFlags extends ChangeFlags {
  readonly rule?: string;
  readonly variation?: string;
}

function registerShow(flag: Command, open: OpenSession): void {
  flag
    .command('settings')
    .argument('<flag>')
    .description('Show what a flag does in an environment.')
    .option('--all', 'in every environment')
    .action(async (key: string, options: { all?: boolean }, command: Command) => {
      const session = await open(command);
      if (options.all) {
        const parent = await session.scope.named('flags', key);
        const { settings } = await session.call(method.listFlagSettings, { parent });
        const text = () => settings.map(settingsText).join('\n\n');
        return session.showAll(FlagSettingsSchema, settings, text);
      }
      const name = await session.scope.settings(key);
      const { settings } = await session.call(method.getFlagSettings, { name });
      if (settings !== undefined) {
        await session.show(FlagSettingsSchema, settings, () => settingsText(settings));
      }
    });
}

function registerConfigure(flag: Command, open: OpenSession): void {
  changing(flag.command('configure'))
    .argument('<flag>')
    .description('Change what a flag answers by default in an environment, and how it makes buckets.')
    .option('--default <variation>', "the default variation here; '' for the flag's own")
    .option('--bucket-by <attribute>', "the attribute to make buckets from; '' for the targeting key")
    .option('--salt <text>', "'' for the flag key")
    .option('--hash <algorithm>', 'murmur3, sha256 or fnv1a')
    .action(async (key: string, options: ConfigureFlags, command: Command) => {
      const updateMask = maskOf({
        default_variation: options.default,
        bucket_by: options.bucketBy,
        salt: options.salt,
        hash: options.hash,
      });
      const session = await open(command);
      const name = await session.scope.settings(key);
      const settings = {
        name,
        defaultVariation: options.default ?? '',
        bucketBy: options.bucketBy ?? '',
        salt: options.salt ?? '',
        ...(options.hash === undefined ? {} : { hash: parseEnum(HashAlgorithm, options.hash) }),
      };
      const deed = {
        subject: `flag ${keyOf(name)}`,
        done: 'configured',
        ...placeOf(name),
        ...asked(options),
      };
      const input = { settings, updateMask, options: changeOptions(options) };
      await session.change(method.updateFlagSettings, input, deed);
    });
}
