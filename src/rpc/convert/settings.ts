import { create } from '@bufbuild/protobuf';
import {
  FlagSettingsSchema,
  type Halt as HaltMessage,
  type FlagSettings as SettingsMessage,
} from '../../../gen/vexil/v1/definitions_pb.ts';
import type { Stored } from '../../app/project-state.ts';
import { FlagError } from '../../core/errors.ts';
import type { FlagSettings, Halt } from '../../core/model.ts';
import { etagOf } from '../etag.ts';
import { parseSettings, settingsName } from '../names.ts';
import { timestampOf } from '../timestamp.ts';
import { hashAlgorithms } from './enums.ts';
import { type Mistakes, readEnum, readInstant, reading, readRequiredInstant, under } from './reading.ts';
import { readRule, ruleMessage } from './rule.ts';
import { readScheduledChange, scheduledChangeMessage } from './scheduled-change.ts';

export function settingsMessage(
  project: string,
  environment: string,
  { state: settings, version }: Stored<FlagSettings>,
): SettingsMessage {
  const { halt, updatedAt } = settings;
  return create(FlagSettingsSchema, {
    name: settingsName(project, environment, settings.flag),
    enabled: settings.enabled,
    ...(halt && { halt: { actor: halt.by, reason: halt.reason, time: timestampOf(halt.at) } }),
    defaultVariation: settings.defaultVariation ?? '',
    prerequisites: settings.prerequisites.map(({ flag, variations }) => ({
      flag,
      variations: [...variations],
    })),
    targets: settings.targets.map(({ variation, keys }) => ({ variation, targetingKeys: [...keys] })),
    rules: settings.rules.map(ruleMessage),
    bucketBy: settings.bucketBy ?? '',
    salt: settings.salt ?? '',
    hash: hashAlgorithms.toWire(settings.hash),
    scheduledChanges: settings.scheduledChanges.map(scheduledChangeMessage),
    ...(updatedAt !== undefined && { updateTime: timestampOf(updatedAt) }),
    version: BigInt(version),
    etag: etagOf(version),
  });
}

/** Whole settings, as `settingsMessage` made them. Throws `invalid` with every mistake. */
export function settingsFrom(message: SettingsMessage, path: string): FlagSettings {
  return reading(FlagSettingsSchema, message, path, readSettings);
}

function readSettings(message: SettingsMessage, path: string, mistakes: Mistakes): FlagSettings {
  const { halt, hash, defaultVariation, bucketBy, salt } = message;
  const updatedAt = readInstant(message.updateTime, under(path, 'update_time'), mistakes);
  return {
    flag: readFlagKey(message.name, under(path, 'name'), mistakes),
    enabled: message.enabled,
    ...(halt && { halt: readHalt(halt, under(path, 'halt'), mistakes) }),
    ...(defaultVariation !== '' && { defaultVariation }),
    prerequisites: message.prerequisites.map(({ flag, variations }) => ({
      flag,
      variations: [...variations],
    })),
    targets: message.targets.map(({ variation, targetingKeys }) => ({ variation, keys: [...targetingKeys] })),
    rules: message.rules.map((each, index) => readRule(each, under(path, `rules[${index}]`), mistakes)),
    ...(bucketBy !== '' && { bucketBy }),
    ...(salt !== '' && { salt }),
    hash: readEnum(hashAlgorithms.fromWire(hash), hash, 'murmur3', under(path, 'hash'), mistakes),
    scheduledChanges: message.scheduledChanges.map((each, index) =>
      readScheduledChange(each, under(path, `scheduled_changes[${index}]`), mistakes),
    ),
    ...(updatedAt !== undefined && { updatedAt }),
  };
}

function readHalt({ actor: by, reason, time }: HaltMessage, path: string, mistakes: Mistakes): Halt {
  return { by, reason, at: readRequiredInstant(time, under(path, 'time'), mistakes) };
}

function readFlagKey(name: string, path: string, mistakes: Mistakes): string {
  try {
    return parseSettings(name, path).flag;
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    mistakes.push(...(error.details.violations ?? []));
    return '';
  }
}
