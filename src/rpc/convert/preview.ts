import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import * as wire from '../../../gen/vexil/v1/analytics_service_pb.ts';
import type { ChangeCell, ChangeExample } from '../../app/analytics/change-matrix.ts';
import type { ContextGroup } from '../../app/analytics/context-groups.ts';
import type { GroupReach, Reach, ReachPreview } from '../../app/analytics/reach.ts';
import type { ContextSample, MissingAttribute } from '../../app/analytics/sample.ts';
import type { ChangePreview, GroupChange } from '../../app/analytics/what-if.ts';
import { estimateMessage } from './analytics.ts';
import { reasons } from './enums.ts';
import { structObject, valueMessage } from './json.ts';

/** `hashed`: subjects are hashes of targeting keys. */
export function reachPreviewResponse(preview: ReachPreview, hashed: boolean): wire.PreviewReachResponse {
  const { sample, missing, dailySubjects, dailyEvaluations } = preview;
  return create(wire.PreviewReachResponseSchema, {
    sample: sampleMessage(sample, missing, hashed),
    total: reachMessage(preview.total),
    segments: preview.segments.map(groupReachMessage),
    attributes: preview.attributes.map(groupReachMessage),
    dailySubjects: estimateMessage(dailySubjects),
    ...(dailyEvaluations && { dailyEvaluations: estimateMessage(dailyEvaluations) }),
    warnings: [...preview.warnings],
  });
}

/** `hashed`: subjects are hashes of targeting keys, which examples do not show. */
export function changePreviewResponse(
  preview: ChangePreview,
  hashed: boolean,
  revision: number,
): wire.PreviewChangeResponse {
  return create(wire.PreviewChangeResponseSchema, {
    sample: sampleMessage(preview.sample, preview.missing, hashed),
    moved: reachMessage(preview.moved),
    cells: preview.cells.map((cell) => cellMessage(cell, hashed)),
    segments: preview.segments.map((group) => groupChangeMessage(group, hashed)),
    attributes: preview.attributes.map((group) => groupChangeMessage(group, hashed)),
    dependents: preview.dependents.map(({ flag, moved }) => ({ flag, moved: reachMessage(moved) })),
    compared: BigInt(preview.compared),
    agreeing: BigInt(preview.agreeing),
    warnings: [...preview.warnings],
    revision: BigInt(revision),
  });
}

function sampleMessage(
  { known, sampled, period }: ContextSample,
  missing: readonly MissingAttribute[],
  subjectsHashed: boolean,
): wire.PreviewSample {
  return create(wire.PreviewSampleSchema, {
    ...{ knownContexts: BigInt(known), sampled: BigInt(sampled), subjectsHashed },
    missingAttributes: missing.map(({ contexts, ...rest }) => ({ ...rest, contexts: BigInt(contexts) })),
    startTime: timestampFromMs(period.from),
    endTime: timestampFromMs(period.to),
  });
}

function reachMessage({ sampled, matched, share, contexts }: Reach): wire.Reach {
  return create(wire.ReachSchema, {
    ...{ sampled: BigInt(sampled), matched: BigInt(matched) },
    share: estimateMessage(share),
    contexts: estimateMessage(contexts),
  });
}

function groupReachMessage({ group, reach }: GroupReach): wire.GroupReach {
  return create(wire.GroupReachSchema, { group: groupMessage(group), reach: reachMessage(reach) });
}

function groupChangeMessage({ group, moved, cells }: GroupChange, hashed: boolean): wire.GroupChange {
  return create(wire.GroupChangeSchema, {
    group: groupMessage(group),
    moved: reachMessage(moved),
    cells: cells.map((cell) => cellMessage(cell, hashed)),
  });
}

function cellMessage({ from, to, reach, examples }: ChangeCell, hashed: boolean): wire.ChangeCell {
  return create(wire.ChangeCellSchema, {
    ...{ fromVariation: from, toVariation: to, reach: reachMessage(reach) },
    examples: examples.map((example) => exampleMessage(example, hashed)),
  });
}

function exampleMessage(example: ChangeExample, hashed: boolean): wire.ChangeExample {
  return create(wire.ChangeExampleSchema, {
    targetingKey: hashed ? '' : example.subject,
    attributes: structObject(example.attributes),
    fromReason: reasons.toWire(example.fromReason),
    toReason: reasons.toWire(example.toReason),
  });
}

function groupMessage(group: ContextGroup): wire.ContextGroup {
  switch (group.kind) {
    case 'segment':
      return create(wire.ContextGroupSchema, { kind: { case: 'segment', value: group.segment } });
    case 'value': {
      const { attribute, value } = group;
      return create(wire.ContextGroupSchema, {
        kind: { case: 'value', value: valueMessage(value) },
        attribute,
      });
    }
    case 'missing':
    case 'other': {
      const { kind, attribute } = group;
      return create(wire.ContextGroupSchema, { kind: { case: kind, value: true }, attribute });
    }
  }
}
