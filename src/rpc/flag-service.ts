import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { FlagSchema, FlagStatus } from '../../gen/vexil/v1/definitions_pb.ts';
import * as wire from '../../gen/vexil/v1/flag_service_pb.ts';
import type { Catalog } from '../app/catalog.ts';
import { existingFlag } from '../app/manage/existing.ts';
import {
  archiveFlag,
  createFlag,
  deleteFlag,
  type FlagFilter,
  flagsThat,
  restoreFlag,
  updateFlag,
} from '../app/manage/flags.ts';
import type { Committed, Writer } from '../app/writer.ts';
import type { Flag } from '../core/model.ts';
import { changedObject } from './changed.ts';
import { flagStatuses, flagTypes } from './convert/enums.ts';
import { flagContentFrom, flagFrom, flagMessage } from './convert/flag.ts';
import { overlay } from './convert/overlay.ts';
import { type Mistakes, present, readEnum, throwAny } from './convert/reading.ts';
import { versionOf } from './etag.ts';
import { maskedPaths } from './field-mask.ts';
import { flagRuleMethods } from './flag-rule-methods.ts';
import { flagScheduleMethods } from './flag-schedule-methods.ts';
import { flagSettingsMethods } from './flag-settings-methods.ts';
import { flagVariationMethods } from './flag-variation-methods.ts';
import { checkedKey, parseFlag, parseProject } from './names.ts';
import { bindingOf, pageOf } from './paging.ts';
import { intentOf, receiptOf } from './writes.ts';

type Service = ServiceImpl<typeof wire.FlagService>;
type Reads = Pick<Service, 'getFlag' | 'listFlags'>;
type Writes = Pick<Service, 'createFlag' | 'updateFlag' | 'archiveFlag' | 'restoreFlag' | 'deleteFlag'>;

const CHANGEABLE = [
  'display_name',
  'description',
  'tags',
  'owner',
  'type',
  'variations',
  'default_variation',
  'json_schema',
  'status',
  'client_visible',
  'temporary',
  'removal_time',
];

export function flagService(deps: { writer: Writer; catalog: Catalog }): Service {
  return {
    ...readMethods(deps.catalog),
    ...writeMethods(deps.writer),
    ...flagVariationMethods(deps.writer),
    ...flagSettingsMethods(deps),
    ...flagRuleMethods(deps.writer),
    ...flagScheduleMethods(deps),
  };
}

function readMethods(catalog: Catalog): Reads {
  return {
    getFlag(request) {
      const { project, flag } = parseFlag(request.name, 'name');
      return { flag: flagMessage(project, existingFlag(catalog.state(project), flag)) };
    },

    listFlags(request) {
      const project = parseProject(request.parent, 'parent');
      const found = flagsThat(catalog.state(project), filterOf(request));
      const binding = bindingOf(wire.ListFlagsRequestSchema, request);
      const { items, nextPageToken, total } = pageOf(found, ({ state }) => state.key, request, binding);
      const flags = items.map((stored) => flagMessage(project, stored));
      return { flags, nextPageToken, totalSize: total };
    },
  };
}

function filterOf(request: wire.ListFlagsRequest): FlagFilter {
  const { tags, query, owner, temporary, clientVisible } = request;
  const mistakes: Mistakes = [];
  const statuses = request.statuses.map((status, index) =>
    readEnum(flagStatuses.fromWire(status), status, 'active', `statuses[${index}]`, mistakes),
  );
  const types = request.types.map((type, index) =>
    readEnum(flagTypes.fromWire(type), type, 'json', `types[${index}]`, mistakes),
  );
  throwAny(mistakes);
  return { statuses, types, tags, query, owner, temporary, clientVisible };
}

function writeMethods(writer: Writer): Writes {
  return {
    async createFlag(request, context) {
      const project = parseProject(request.parent, 'parent');
      const key = checkedKey(request.flagId, 'flag_id');
      const sent = request.flag ?? create(FlagSchema);
      const message = { ...sent, status: sent.status || FlagStatus.ACTIVE };
      const content = flagContentFrom(message, 'flag');
      const enabledIn = request.enabledEnvironments.map((environment, index) =>
        checkedKey(environment, `enabled_environments[${index}]`),
      );
      const schema = wire.CreateFlagRequestSchema;
      const intent = intentOf(context, project, 'flag.create', schema, request);
      const plan = createFlag({ ...content, key, name: content.name || key, enabledIn });
      return answer(project, key, await writer.commit(intent, plan));
    },

    async updateFlag(request, context) {
      const sent = present(request.flag, 'flag');
      const { project, flag: key } = parseFlag(sent.name, 'flag.name');
      const masked = maskedPaths(FlagSchema, sent, request.updateMask, CHANGEABLE);
      const schema = wire.UpdateFlagRequestSchema;
      const intent = intentOf(context, project, 'flag.update', schema, request);
      const plan = updateFlag(
        key,
        (stored): Flag => flagFrom(overlay(FlagSchema, flagMessage(project, stored), sent, masked), 'flag'),
        versionOf(sent.etag, 'flag.etag'),
      );
      return answer(project, key, await writer.commit(intent, plan));
    },

    async archiveFlag(request, context) {
      const { project, flag } = parseFlag(request.name, 'name');
      const schema = wire.ArchiveFlagRequestSchema;
      const intent = intentOf(context, project, 'flag.archive', schema, request);
      const plan = archiveFlag(flag, versionOf(request.etag, 'etag'));
      return answer(project, flag, await writer.commit(intent, plan));
    },

    async restoreFlag(request, context) {
      const { project, flag } = parseFlag(request.name, 'name');
      const schema = wire.RestoreFlagRequestSchema;
      const intent = intentOf(context, project, 'flag.restore', schema, request);
      const plan = restoreFlag(flag, versionOf(request.etag, 'etag'));
      return answer(project, flag, await writer.commit(intent, plan));
    },

    async deleteFlag(request, context) {
      const { project, flag } = parseFlag(request.name, 'name');
      const schema = wire.DeleteFlagRequestSchema;
      const intent = intentOf(context, project, 'flag.delete', schema, request);
      const plan = deleteFlag(flag, versionOf(request.etag, 'etag'));
      return { receipt: receiptOf(await writer.commit(intent, plan)) };
    },
  };
}

function answer(project: string, flag: string, committed: Committed) {
  return {
    flag: flagMessage(project, changedObject(committed, 'flag', flag)),
    receipt: receiptOf(committed),
  };
}
