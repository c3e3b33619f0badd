import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import * as wire from '../../gen/vexil/v1/project_service_pb.ts';
import type { Catalog } from '../app/catalog.ts';
import {
  archiveEnvironment,
  createEnvironment,
  deleteEnvironment,
  restoreEnvironment,
  updateEnvironment,
} from '../app/manage/environments.ts';
import { existingEnvironment } from '../app/manage/existing.ts';
import type { Committed, Writer } from '../app/writer.ts';
import { invalid } from '../core/errors.ts';
import { DEFAULT_RECORDING } from '../core/model.ts';
import { changedObject } from './changed.ts';
import { environmentContentFrom, environmentMessage } from './convert/project.ts';
import { present } from './convert/reading.ts';
import { versionOf } from './etag.ts';
import { maskedPaths } from './field-mask.ts';
import { checkedKey, parseEnvironment, parseProject } from './names.ts';
import { bindingOf, pageOf } from './paging.ts';
import { intentOf, receiptOf } from './writes.ts';

type Service = ServiceImpl<typeof wire.ProjectService>;
type Reads = Pick<Service, 'getEnvironment' | 'listEnvironments'>;
type Writes = Pick<
  Service,
  | 'createEnvironment'
  | 'updateEnvironment'
  | 'archiveEnvironment'
  | 'restoreEnvironment'
  | 'deleteEnvironment'
>;

/** The half of the project service that is about environments. */
export function environmentMethods(deps: { writer: Writer; catalog: Catalog }): Reads & Writes {
  return { ...readMethods(deps.catalog), ...writeMethods(deps.writer) };
}

function readMethods(catalog: Catalog): Reads {
  return {
    getEnvironment(request) {
      const { project, environment } = parseEnvironment(request.name, 'name');
      const stored = existingEnvironment(catalog.state(project), environment);
      return { environment: environmentMessage(project, stored) };
    },

    listEnvironments(request) {
      const project = parseProject(request.parent, 'parent');
      const all = [...catalog.state(project).environments.values()];
      const shown = all.filter(({ state }) => request.showArchived || !state.archived);
      const binding = bindingOf(wire.ListEnvironmentsRequestSchema, request);
      const { items, nextPageToken } = pageOf(shown, ({ state }) => state.key, request, binding);
      return { environments: items.map((stored) => environmentMessage(project, stored)), nextPageToken };
    },
  };
}

function writeMethods(writer: Writer): Writes {
  return {
    async createEnvironment(request, context) {
      const project = parseProject(request.parent, 'parent');
      const key = checkedKey(request.environmentId, 'environment_id');
      const message = request.environment ?? create(wire.EnvironmentSchema);
      const { recording, ...content } = environmentContentFrom(message, 'environment');
      const copyFrom = sourceOf(request.copyFrom, project);
      const schema = wire.CreateEnvironmentRequestSchema;
      const intent = intentOf(context, project, 'environment.create', schema, request);
      const plan = createEnvironment({
        key,
        ...content,
        name: content.name || key,
        ...(recording !== undefined && { recording }),
        ...(copyFrom !== undefined && { copyFrom }),
      });
      return answer(project, key, await writer.commit(intent, plan));
    },

    async updateEnvironment(request, context) {
      const message = present(request.environment, 'environment');
      const { project, environment } = parseEnvironment(message.name, 'environment.name');
      const allowed = ['display_name', 'description', 'recording'];
      const masked = maskedPaths(wire.EnvironmentSchema, message, request.updateMask, allowed);
      const content = environmentContentFrom(message, 'environment');
      const { name, description, recording = DEFAULT_RECORDING } = content;
      const fields = {
        ...(masked.has('display_name') && { name }),
        ...(masked.has('description') && { description }),
        ...(masked.has('recording') && { recording }),
      };
      const schema = wire.UpdateEnvironmentRequestSchema;
      const intent = intentOf(context, project, 'environment.update', schema, request);
      const plan = updateEnvironment(environment, fields, versionOf(message.etag, 'environment.etag'));
      return answer(project, environment, await writer.commit(intent, plan));
    },

    async archiveEnvironment(request, context) {
      const { project, environment } = parseEnvironment(request.name, 'name');
      const schema = wire.ArchiveEnvironmentRequestSchema;
      const intent = intentOf(context, project, 'environment.archive', schema, request);
      const plan = archiveEnvironment(environment, versionOf(request.etag, 'etag'));
      return answer(project, environment, await writer.commit(intent, plan));
    },

    async restoreEnvironment(request, context) {
      const { project, environment } = parseEnvironment(request.name, 'name');
      const schema = wire.RestoreEnvironmentRequestSchema;
      const intent = intentOf(context, project, 'environment.restore', schema, request);
      const plan = restoreEnvironment(environment, versionOf(request.etag, 'etag'));
      return answer(project, environment, await writer.commit(intent, plan));
    },

    async deleteEnvironment(request, context) {
      const { project, environment } = parseEnvironment(request.name, 'name');
      const schema = wire.DeleteEnvironmentRequestSchema;
      const intent = intentOf(context, project, 'environment.delete', schema, request);
      const plan = deleteEnvironment(environment, versionOf(request.etag, 'etag'));
      return { receipt: receiptOf(await writer.commit(intent, plan)) };
    },
  };
}

/** The environment to copy from: a name, and of the same project. */
function sourceOf(copyFrom: string, project: string): string | undefined {
  if (copyFrom === '') return undefined;
  const source = parseEnvironment(copyFrom, 'copy_from');
  if (source.project !== project)
    throw invalid([{ path: 'copy_from', message: 'must be an environment of the same project' }]);
  return source.environment;
}

function answer(project: string, environment: string, committed: Committed) {
  const stored = changedObject(committed, 'environment', environment);
  return { environment: environmentMessage(project, stored), receipt: receiptOf(committed) };
}
