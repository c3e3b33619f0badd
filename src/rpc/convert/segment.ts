import { create } from '@bufbuild/protobuf';
import { type Segment as SegmentMessage, SegmentSchema } from '../../../gen/vexil/v1/definitions_pb.ts';
import type { Stored } from '../../app/project-state.ts';
import type { Segment } from '../../core/model.ts';
import { etagOf } from '../etag.ts';
import { segmentName } from '../names.ts';
import { timestampOf } from '../timestamp.ts';
import { conditionMessage, readCondition } from './condition.ts';
import { type Mistakes, reading, under } from './reading.ts';

/** What the people who make a segment say about it. */
export type SegmentContent = Omit<Segment, 'key' | 'archived' | 'createdAt' | 'updatedAt'>;

export function segmentMessage(
  project: string,
  { state: segment, version }: Stored<Segment>,
): SegmentMessage {
  return create(SegmentSchema, {
    name: segmentName(project, segment.key),
    key: segment.key,
    displayName: segment.name,
    description: segment.description,
    included: [...segment.included],
    excluded: [...segment.excluded],
    ...(segment.condition && { condition: conditionMessage(segment.condition) }),
    archived: segment.archived,
    createTime: timestampOf(segment.createdAt),
    updateTime: timestampOf(segment.updatedAt),
    version: BigInt(version),
    etag: etagOf(version),
  });
}

/** A segment that is to be made: its name, key, times and version are not looked at. Throws `invalid` with every mistake. */
export function segmentContentFrom(message: SegmentMessage, path: string): SegmentContent {
  return reading(SegmentSchema, message, path, readContent);
}

function readContent(message: SegmentMessage, path: string, mistakes: Mistakes): SegmentContent {
  const { condition } = message;
  return {
    name: message.displayName,
    description: message.description,
    included: [...message.included],
    excluded: [...message.excluded],
    ...(condition && { condition: readCondition(condition, under(path, 'condition'), mistakes) }),
  };
}
