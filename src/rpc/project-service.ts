import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import * as wire from '../../gen/vexil/v1/project_service_pb.ts';
import { reaches } from '../app/access.ts';
import type { Catalog } from '../app/catalog.ts';
import {
  archiveProject,
  createProject,
  deleteProject,
  restoreProject,
  updateProject,
} from '../app/manage/projects.ts';
import type { Committed, Writer } from '../app/writer.ts';
import { invalid } from '../core/errors.ts';
import { changedObject } from './changed.ts';
import { projectContentFrom, projectMessage } from './convert/project.ts';
import { present } from './convert/reading.ts';
import { environmentMethods } from './environment-methods.ts';
import { versionOf } from './etag.ts';
import { maskedPaths } from './field-mask.ts';
import { checkedKey, parseProject } from './names.ts';
import { bindingOf, pageOf } from './paging.ts';
import { principalOf } from './principal-key.ts';
import { intentOf, receiptOf } from './writes.ts';

type Service = ServiceImpl<typeof wire.ProjectService>;

const FIRST_ENVIRONMENTS = ['production', 'staging'];

export function projectService(deps: { writer: Writer; catalog: Catalog }): Service {
  return { ...readMethods(deps.catalog), ...writeMethods(deps.writer), ...environmentMethods(deps) };
}

function readMethods(catalog: Catalog): Pick<Service, 'getProject' | 'listProjects'> {
  return {
    getProject(request) {
      const { project, revision } = catalog.state(parseProject(request.name, 'name'));
      return { ...(project && { project: projectMessage(project, revision) }) };
    },

    /** What the caller's key reaches. */
    listProjects(request, context) {
      const principal = principalOf(context);
      const found = catalog.projects().flatMap(({ key, project, revision }) => {
        const shown = project !== undefined && (request.showArchived || !project.state.archived);
        return shown && reaches(principal, key) ? [projectMessage(project, revision)] : [];
      });
      const binding = bindingOf(wire.ListProjectsRequestSchema, request);
      const { items, nextPageToken } = pageOf(found, (project) => project.key, request, binding);
      return { projects: items, nextPageToken };
    },
  };
}

function writeMethods(
  writer: Writer,
): Pick<Service, 'createProject' | 'updateProject' | 'archiveProject' | 'restoreProject' | 'deleteProject'> {
  return {
    async createProject(request, context) {
      const key = checkedKey(request.projectId, 'project_id');
      const content = projectContentFrom(request.project ?? create(wire.ProjectSchema), 'project');
      const environments = firstEnvironments(request.environmentIds);
      const intent = intentOf(context, key, 'project.create', wire.CreateProjectRequestSchema, request);
      const plan = createProject({ key, ...content, name: content.name || key, environments });
      return answer(key, await writer.commit(intent, plan));
    },

    async updateProject(request, context) {
      const message = present(request.project, 'project');
      const key = parseProject(message.name, 'project.name');
      const masked = maskedPaths(wire.ProjectSchema, message, request.updateMask, [
        'display_name',
        'description',
      ]);
      const { name, description } = projectContentFrom(message, 'project');
      const fields = {
        ...(masked.has('display_name') && { name }),
        ...(masked.has('description') && { description }),
      };
      const intent = intentOf(context, key, 'project.update', wire.UpdateProjectRequestSchema, request);
      const plan = updateProject(fields, versionOf(message.etag, 'project.etag'));
      return answer(key, await writer.commit(intent, plan));
    },

    async archiveProject(request, context) {
      const key = parseProject(request.name, 'name');
      const schema = wire.ArchiveProjectRequestSchema;
      const intent = intentOf(context, key, 'project.archive', schema, request);
      return answer(key, await writer.commit(intent, archiveProject(versionOf(request.etag, 'etag'))));
    },

    async restoreProject(request, context) {
      const key = parseProject(request.name, 'name');
      const schema = wire.RestoreProjectRequestSchema;
      const intent = intentOf(context, key, 'project.restore', schema, request);
      return answer(key, await writer.commit(intent, restoreProject(versionOf(request.etag, 'etag'))));
    },

    async deleteProject(request, context) {
      const key = parseProject(request.name, 'name');
      const schema = wire.DeleteProjectRequestSchema;
      const intent = intentOf(context, key, 'project.delete', schema, request);
      const committed = await writer.commit(intent, deleteProject(versionOf(request.etag, 'etag')));
      return { receipt: receiptOf(committed) };
    },
  };
}

function firstEnvironments(ids: readonly string[]): readonly string[] {
  if (ids.length === 0) return FIRST_ENVIRONMENTS;
  return ids.map((id, index) => {
    const field = `environment_ids[${index}]`;
    if (ids.indexOf(id) < index) throw invalid([{ path: field, message: 'is named twice' }]);
    return checkedKey(id, field);
  });
}

function answer(key: string, committed: Committed) {
  const stored = changedObject(committed, 'project', key);
  return { project: projectMessage(stored, committed.state.revision), receipt: receiptOf(committed) };
}
