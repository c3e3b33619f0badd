import { create } from '@bufbuild/protobuf';
import {
  type FlagDefinition as FlagDefinitionMessage,
  FlagDefinitionSchema,
} from '../../../gen/vexil/v1/evaluation_pb.ts';
import type { Stored } from '../../app/project-state.ts';
import type { Flag, FlagSettings } from '../../core/model.ts';
import { flagMessage, readFlag } from './flag.ts';
import { present, reading } from './reading.ts';
import { readSettings, settingsMessage } from './settings.ts';

/** A flag as one environment sees it. */
export interface FlagDefinition {
  readonly flag: Flag;
  readonly settings: FlagSettings;
  /** The revision that last changed either. */
  readonly version: number;
}

export function flagDefinitionMessage(
  project: string,
  environment: string,
  flag: Stored<Flag>,
  settings: Stored<FlagSettings>,
): FlagDefinitionMessage {
  return create(FlagDefinitionSchema, {
    flag: flagMessage(project, flag),
    settings: settingsMessage(project, environment, settings),
    version: BigInt(Math.max(flag.version, settings.version)),
  });
}

/** As `flagDefinitionMessage` made it. Throws `invalid` with every mistake: of a newer service, this may be any of its flags. */
export function flagDefinitionFrom(message: FlagDefinitionMessage): FlagDefinition {
  return reading(FlagDefinitionSchema, message, '', ({ flag, settings, version }, _, mistakes) => ({
    flag: readFlag(present(flag, 'flag'), 'flag', mistakes),
    settings: readSettings(present(settings, 'settings'), 'settings', mistakes),
    version: Number(version),
  }));
}
