import { create } from '@bufbuild/protobuf';
import {
  type Environment as EnvironmentMessage,
  EnvironmentSchema,
  type Project as ProjectMessage,
  ProjectSchema,
} from '../../../gen/vexil/v1/project_service_pb.ts';
import type { Stored } from '../../app/project-state.ts';
import { DEFAULT_RECORDING, type Environment, type Project, type Recording } from '../../core/model.ts';
import { etagOf } from '../etag.ts';
import { environmentName, projectName } from '../names.ts';
import { timestampOf } from '../timestamp.ts';
import { reading } from './reading.ts';

export interface Described {
  readonly name: string;
  readonly description: string;
}

/** `revision` is the head of the project's log. */
export function projectMessage(stored: Stored<Project>, revision: number): ProjectMessage {
  const name = projectName(stored.state.key);
  return create(ProjectSchema, { name, ...fieldsOf(stored), revision: BigInt(revision) });
}

export function environmentMessage(project: string, stored: Stored<Environment>): EnvironmentMessage {
  const name = environmentName(project, stored.state.key);
  const { recording = DEFAULT_RECORDING } = stored.state;
  const { disabled, keptAttributes, hashTargetingKeys } = recording;
  return create(EnvironmentSchema, {
    ...{ name, ...fieldsOf(stored) },
    recording: { disabled, keptAttributes: [...keptAttributes], hashTargetingKeys },
  });
}

/** What people say about a project. Throws `invalid` for fields that this build does not know. */
export function projectContentFrom(message: ProjectMessage, path: string): Described {
  return reading(ProjectSchema, message, path, describedBy);
}

/** What people say about an environment. Throws `invalid` for fields that this build does not know. */
export function environmentContentFrom(
  message: EnvironmentMessage,
  path: string,
): Described & { readonly recording: Recording | undefined } {
  return reading(EnvironmentSchema, message, path, ({ recording, ...described }) => ({
    ...describedBy(described),
    recording: recording && {
      disabled: recording.disabled,
      keptAttributes: recording.keptAttributes,
      hashTargetingKeys: recording.hashTargetingKeys,
    },
  }));
}

function describedBy({ displayName, description }: { displayName: string; description: string }): Described {
  return { name: displayName, description };
}

function fieldsOf({ state, version }: Stored<Project | Environment>) {
  return {
    key: state.key,
    displayName: state.name,
    description: state.description,
    archived: state.archived,
    createTime: timestampOf(state.createdAt),
    updateTime: timestampOf(state.updatedAt),
    version: BigInt(version),
    etag: etagOf(version),
  };
}
