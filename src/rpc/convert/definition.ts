import { create } from '@bufbuild/protobuf';
import {
  type FlagDefinition as FlagDefinitionMessage,
  FlagDefinitionSchema,
} from '../../../gen/vexil/v1/evaluation_pb.ts';
import type { Stored } from '../../app/project-state.ts';
import type { Flag, FlagSettings } from '../../core/model.ts';
import { flagMessage } from './flag.ts';
import { settingsMessage } from './settings.ts';

/** A flag as one environment sees it; its version is that of whichever was changed last. */
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
