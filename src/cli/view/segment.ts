import type { Segment } from '../../../gen/vexil/v1/definitions_pb.ts';
import { conditionText } from './condition.ts';
import { fields, table } from './table.ts';
import { formatTime } from './time.ts';

export function segmentTable(segments: readonly Segment[]): string {
  const rows = segments.map((segment) => [
    segment.key,
    segment.displayName,
    segment.archived ? 'archived' : 'active',
    String(segment.included.length),
    String(segment.excluded.length),
    whoText(segment),
    formatTime(segment.updateTime),
  ]);
  return table(['KEY', 'NAME', 'STATE', 'INCLUDED', 'EXCLUDED', 'WHO', 'UPDATED'], rows);
}

export function segmentText(segment: Segment, usedBy: readonly string[]): string {
  return fields([
    ['segment', segment.key],
    ['name', segment.displayName],
    ['description', segment.description],
    ['state', segment.archived ? 'archived' : 'active'],
    ['included', segment.included.join(', ')],
    ['excluded', segment.excluded.join(', ')],
    ['who', whoText(segment)],
    ['used by', usedBy.join(', ') || 'nothing'],
    ['version', String(segment.version)],
    ['updated', formatTime(segment.updateTime)],
  ]);
}

/** Without a condition nobody belongs to a segment beyond those it names. */
function whoText({ condition }: Segment): string {
  return condition === undefined ? 'the included only' : conditionText(condition);
}
