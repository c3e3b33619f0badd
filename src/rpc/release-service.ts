import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { ReleaseSchema } from '../../gen/vexil/v1/definitions_pb.ts';
import * as wire from '../../gen/vexil/v1/release_service_pb.ts';
import type { Catalog } from '../app/catalog.ts';
import { existingRelease } from '../app/manage/existing.ts';
import {
  completeRelease,
  createRelease,
  deleteRelease,
  rollBackBranch,
  rollBackRelease,
  rollBackReleaseFlag,
  updateRelease,
} from '../app/manage/releases.ts';
import type { Committed, Writer } from '../app/writer.ts';
import { invalid } from '../core/errors.ts';
import type { ReleaseState } from '../core/model.ts';
import { changedObject, putObjects } from './changed.ts';
import { releaseStates } from './convert/enums.ts';
import { present } from './convert/reading.ts';
import { releaseContentFrom, releaseMessage } from './convert/release.ts';
import { versionOf } from './etag.ts';
import { maskedPaths } from './field-mask.ts';
import { checkedKey, parseProject, parseRelease } from './names.ts';
import { bindingOf, pageOf } from './paging.ts';
import { intentOf, receiptOf } from './writes.ts';

type Service = ServiceImpl<typeof wire.ReleaseService>;
type Reads = Pick<Service, 'getRelease' | 'listReleases'>;

const CHANGEABLE = ['branch', 'runtime_version', 'rollout_weight', 'flags'];

export function releaseService(deps: { writer: Writer; catalog: Catalog }): Service {
  return { ...readMethods(deps.catalog), ...writeMethods(deps.writer) };
}

function readMethods(catalog: Catalog): Reads {
  return {
    getRelease(request) {
      const { project, release } = parseRelease(request.name, 'name');
      return { release: releaseMessage(project, existingRelease(catalog.state(project), release)) };
    },

    listReleases(request) {
      const project = parseProject(request.parent, 'parent');
      const states = request.states.map((state, index): ReleaseState => {
        const known = releaseStates.fromWire(state);
        if (known === undefined)
          throw invalid([{ path: `states[${index}]`, message: 'is not a known state' }]);
        return known;
      });
      const shown = [...catalog.state(project).releases.values()].filter(
        ({ state: release }) =>
          (request.branch === '' || release.branch === request.branch) &&
          (states.length === 0 || states.includes(release.state)),
      );
      const binding = bindingOf(wire.ListReleasesRequestSchema, request);
      const { items, nextPageToken, total } = pageOf(shown, ({ state }) => state.key, request, binding);
      const releases = items.map((stored) => releaseMessage(project, stored));
      return { releases, nextPageToken, totalSize: total };
    },
  };
}

function writeMethods(writer: Writer): Omit<Service, keyof Reads> {
  return {
    async createRelease(request, context) {
      const project = parseProject(request.parent, 'parent');
      const key = checkedKey(request.releaseId, 'release_id');
      const content = releaseContentFrom(request.release ?? create(ReleaseSchema), 'release');
      const schema = wire.CreateReleaseRequestSchema;
      const intent = intentOf(context, project, 'release.create', schema, request);
      return answer(project, key, await writer.commit(intent, createRelease({ key, ...content })));
    },

    async updateRelease(request, context) {
      const message = present(request.release, 'release');
      const { project, release } = parseRelease(message.name, 'release.name');
      const masked = maskedPaths(ReleaseSchema, message, request.updateMask, CHANGEABLE);
      const { branch, runtimeVersion, rolloutWeight, flags } = releaseContentFrom(message, 'release');
      const fields = {
        ...(masked.has('branch') && { branch }),
        ...(masked.has('runtime_version') && { runtimeVersion }),
        ...(masked.has('rollout_weight') && { rolloutWeight }),
        ...(masked.has('flags') && { flags }),
      };
      const schema = wire.UpdateReleaseRequestSchema;
      const intent = intentOf(context, project, 'release.update', schema, request);
      const plan = updateRelease(release, fields, versionOf(message.etag, 'release.etag'));
      return answer(project, release, await writer.commit(intent, plan));
    },

    async completeRelease(request, context) {
      const { project, release } = parseRelease(request.name, 'name');
      const schema = wire.CompleteReleaseRequestSchema;
      const intent = intentOf(context, project, 'release.complete', schema, request);
      const plan = completeRelease(release, versionOf(request.etag, 'etag'));
      return answer(project, release, await writer.commit(intent, plan));
    },

    async rollBackRelease(request, context) {
      const { project, release } = parseRelease(request.name, 'name');
      const version = versionOf(request.etag, 'etag');
      const schema = wire.RollBackReleaseRequestSchema;
      const intent = intentOf(context, project, 'release.roll_back', schema, request);
      const plan =
        request.flag === ''
          ? rollBackRelease(release, version)
          : rollBackReleaseFlag(release, checkedKey(request.flag, 'flag'), version);
      return answer(project, release, await writer.commit(intent, plan));
    },

    async rollBackBranch(request, context) {
      const project = parseProject(request.parent, 'parent');
      if (request.branch === '') throw invalid([{ path: 'branch', message: 'is required' }]);
      const schema = wire.RollBackBranchRequestSchema;
      const intent = intentOf(context, project, 'release.roll_back_branch', schema, request);
      const committed = await writer.commit(intent, rollBackBranch(request.branch));
      const releases = putObjects(committed, 'release').map(({ key }) =>
        releaseMessage(project, changedObject(committed, 'release', key)),
      );
      return { releases, receipt: receiptOf(committed) };
    },

    async deleteRelease(request, context) {
      const { project, release } = parseRelease(request.name, 'name');
      const schema = wire.DeleteReleaseRequestSchema;
      const intent = intentOf(context, project, 'release.delete', schema, request);
      const plan = deleteRelease(release, versionOf(request.etag, 'etag'));
      return { receipt: receiptOf(await writer.commit(intent, plan)) };
    },
  };
}

function answer(project: string, release: string, committed: Committed) {
  const stored = changedObject(committed, 'release', release);
  return { release: releaseMessage(project, stored), receipt: receiptOf(committed) };
}
