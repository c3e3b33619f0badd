import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { SegmentSchema } from '../../gen/vexil/v1/definitions_pb.ts';
import * as wire from '../../gen/vexil/v1/segment_service_pb.ts';
import type { Catalog } from '../app/catalog.ts';
import { existingSegment } from '../app/manage/existing.ts';
import {
  archiveSegment,
  createSegment,
  deleteSegment,
  restoreSegment,
  type SegmentFields,
  updateSegment,
} from '../app/manage/segments.ts';
import { referrersOfSegment } from '../app/references.ts';
import type { Committed, Writer } from '../app/writer.ts';
import type { Segment } from '../core/model.ts';
import { changedObject } from './changed.ts';
import { present } from './convert/reading.ts';
import { type SegmentContent, segmentContentFrom, segmentMessage } from './convert/segment.ts';
import { versionOf } from './etag.ts';
import { maskedPaths } from './field-mask.ts';
import { checkedKey, objectName, parseProject, parseSegment } from './names.ts';
import { bindingOf, pageOf } from './paging.ts';
import { intentOf, receiptOf } from './writes.ts';

type Service = ServiceImpl<typeof wire.SegmentService>;
type Reads = Pick<Service, 'getSegment' | 'listSegments'>;

const CHANGEABLE = ['display_name', 'description', 'included', 'excluded', 'condition'];

export function segmentService(deps: { writer: Writer; catalog: Catalog }): Service {
  return { ...readMethods(deps.catalog), ...writeMethods(deps.writer) };
}

function readMethods(catalog: Catalog): Reads {
  return {
    getSegment(request) {
      const { project, segment } = parseSegment(request.name, 'name');
      const state = catalog.state(project);
      const stored = existingSegment(state, segment);
      const usedBy = referrersOfSegment(state, segment).map((id) => objectName(project, id));
      return { segment: segmentMessage(project, stored), usedBy };
    },

    listSegments(request) {
      const project = parseProject(request.parent, 'parent');
      const query = request.query.toLowerCase();
      const shown = [...catalog.state(project).segments.values()].filter(
        ({ state }) => (request.showArchived || !state.archived) && mentions(state, query),
      );
      const binding = bindingOf(wire.ListSegmentsRequestSchema, request);
      const { items, nextPageToken, total } = pageOf(shown, ({ state }) => state.key, request, binding);
      const segments = items.map((stored) => segmentMessage(project, stored));
      return { segments, nextPageToken, totalSize: total };
    },
  };
}

function writeMethods(writer: Writer): Omit<Service, keyof Reads> {
  return {
    async createSegment(request, context) {
      const project = parseProject(request.parent, 'parent');
      const key = checkedKey(request.segmentId, 'segment_id');
      const content = segmentContentFrom(request.segment ?? create(SegmentSchema), 'segment');
      const schema = wire.CreateSegmentRequestSchema;
      const intent = intentOf(context, project, 'segment.create', schema, request);
      const plan = createSegment({ key, ...content, name: content.name || key });
      return answer(project, key, await writer.commit(intent, plan));
    },

    async updateSegment(request, context) {
      const message = present(request.segment, 'segment');
      const { project, segment } = parseSegment(message.name, 'segment.name');
      const masked = maskedPaths(SegmentSchema, message, request.updateMask, CHANGEABLE);
      const fields = fieldsOf(masked, segmentContentFrom(message, 'segment'));
      const schema = wire.UpdateSegmentRequestSchema;
      const intent = intentOf(context, project, 'segment.update', schema, request);
      const plan = updateSegment(segment, fields, versionOf(message.etag, 'segment.etag'));
      return answer(project, segment, await writer.commit(intent, plan));
    },

    async archiveSegment(request, context) {
      const { project, segment } = parseSegment(request.name, 'name');
      const schema = wire.ArchiveSegmentRequestSchema;
      const intent = intentOf(context, project, 'segment.archive', schema, request);
      const plan = archiveSegment(segment, versionOf(request.etag, 'etag'));
      return answer(project, segment, await writer.commit(intent, plan));
    },

    async restoreSegment(request, context) {
      const { project, segment } = parseSegment(request.name, 'name');
      const schema = wire.RestoreSegmentRequestSchema;
      const intent = intentOf(context, project, 'segment.restore', schema, request);
      const plan = restoreSegment(segment, versionOf(request.etag, 'etag'));
      return answer(project, segment, await writer.commit(intent, plan));
    },

    async deleteSegment(request, context) {
      const { project, segment } = parseSegment(request.name, 'name');
      const schema = wire.DeleteSegmentRequestSchema;
      const intent = intentOf(context, project, 'segment.delete', schema, request);
      const plan = deleteSegment(segment, versionOf(request.etag, 'etag'));
      return { receipt: receiptOf(await writer.commit(intent, plan)) };
    },
  };
}

function fieldsOf(masked: ReadonlySet<string>, content: SegmentContent): SegmentFields {
  const { name, description, included, excluded, condition } = content;
  return {
    ...(masked.has('display_name') && { name }),
    ...(masked.has('description') && { description }),
    ...(masked.has('included') && { included }),
    ...(masked.has('excluded') && { excluded }),
    ...(masked.has('condition') && { condition }),
  };
}

function mentions({ key, name, description }: Segment, query: string): boolean {
  return [key, name, description].some((text) => text.toLowerCase().includes(query));
}

function answer(project: string, segment: string, committed: Committed) {
  const stored = changedObject(committed, 'segment', segment);
  return { segment: segmentMessage(project, stored), receipt: receiptOf(committed) };
}
