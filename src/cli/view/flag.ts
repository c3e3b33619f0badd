import { toJson } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import {
  type Flag,
  type FlagSettings,
  FlagStatus,
  FlagType,
  HashAlgorithm,
} from '../../../gen/vexil/v1/definitions_pb.ts';
import { keyOf } from '../names.ts';
import { enumWord } from '../parse/enumeration.ts';
import { ruleTable, scheduleTable } from './rule.ts';
import { fields, indented, printable, table } from './table.ts';
import { formatTime } from './time.ts';

export function flagTable(flags: readonly Flag[]): string {
  const rows = flags.map((flag) => [
    flag.key,
    enumWord(FlagType, flag.type),
    enumWord(FlagStatus, flag.status),
    flag.defaultVariation,
    flag.variations.map(({ key }) => key).join(','),
    flag.tags.join(','),
    formatTime(flag.updateTime),
  ]);
  return table(['KEY', 'TYPE', 'STATUS', 'DEFAULT', 'VARIATIONS', 'TAGS', 'UPDATED'], rows);
}

/** A flag and what it does in each environment, on a screen. */
export function flagText(flag: Flag, settings: readonly FlagSettings[]): string {
  const traits = [
    enumWord(FlagType, flag.type),
    enumWord(FlagStatus, flag.status),
    ...(flag.clientVisible ? ['client-visible'] : []),
    ...(flag.temporary ? ['temporary'] : []),
  ];
  const about = fields([
    ['flag', flag.key],
    ['is', traits.join(', ')],
    ['name', flag.displayName],
    ['description', flag.description],
    ['owner', flag.owner],
    ['tags', flag.tags.join(', ')],
    ['remove by', formatTime(flag.removalTime)],
    ['version', String(flag.version)],
  ]);
  const variations = table(
    ['VARIATION', 'VALUE', 'NAME', ''],
    flag.variations.map(({ key, value, displayName }) => [
      key,
      value === undefined ? '' : JSON.stringify(toJson(ValueSchema, value)),
      displayName,
      key === flag.defaultVariation ? 'default' : '',
    ]),
  );
  const environments = settings.length === 0 ? [] : [environmentTable(settings)];
  return [about, variations, ...environments].join('\n\n');
}

/** Everything that a flag does in one environment, on a screen. */
export function settingsText(settings: FlagSettings): string {
  const { halt, rules, scheduledChanges } = settings;
  const about = fields([
    ['flag', keyOf(settings.name)],
    ['environment', environmentKey(settings)],
    ['state', stateWord(settings)],
    ['halted by', halt === undefined ? '' : `${halt.actor} at ${formatTime(halt.time)}: ${halt.reason}`],
    ['default', settings.defaultVariation],
    ...settings.prerequisites.map(({ flag, variations }): [string, string] => [
      'requires',
      `${flag} serves ${variations.join(' or ')}`,
    ]),
    ...settings.targets.map(({ variation, targetingKeys }): [string, string] => [
      'targets',
      `${variation} for ${targetingKeys.join(', ')}`,
    ]),
    ['bucket by', settings.bucketBy],
    ['salt', settings.salt],
    ['hash', settings.hash === 0 ? '' : enumWord(HashAlgorithm, settings.hash)],
    ['version', String(settings.version)],
  ]);
  const planned = scheduledChanges.map((change) => [keyOf(settings.name), change] as const);
  return [
    about,
    ...(rules.length === 0 ? [] : [indented(ruleTable(rules))]),
    ...(planned.length === 0 ? [] : [indented(scheduleTable(planned))]),
  ].join('\n\n');
}

/** `halted`, `enabled` or `disabled`. */
export function stateWord({ halt, enabled }: FlagSettings): string {
  if (halt !== undefined) return 'halted';
  return enabled ? 'enabled' : 'disabled';
}

function environmentTable(settings: readonly FlagSettings[]): string {
  const rows = settings.map((one) => [
    environmentKey(one),
    stateWord(one),
    one.defaultVariation,
    String(one.rules.length),
    String(one.targets.length),
    String(one.scheduledChanges.length),
    String(one.version),
  ]);
  return table(['ENVIRONMENT', 'STATE', 'DEFAULT', 'RULES', 'TARGETS', 'SCHEDULED', 'VERSION'], rows);
}

function environmentKey({ name }: FlagSettings): string {
  return printable(name.split('/')[3] ?? '');
}
