import type { ObjectId, Operation } from '../../core/change.ts';
import { FlagError } from '../../core/errors.ts';
import type { Condition, Segment } from '../../core/model.ts';
import type { ProjectState } from '../project-state.ts';
import { referrersOfSegment } from '../references.ts';
import type { Plan } from '../writer.ts';
import { existingProject, existingSegment, expectAbsent, expectLive } from './existing.ts';
import { expectVersion } from './expect-version.ts';

export interface NewSegment {
  readonly key: string;
  readonly name: string;
  readonly description: string;
  readonly included: readonly string[];
  readonly excluded: readonly string[];
  readonly condition?: Condition;
}

/** What an update replaces. A `condition` that is there and undefined takes the segment's condition away. */
export interface SegmentFields {
  readonly name?: string;
  readonly description?: string;
  readonly included?: readonly string[];
  readonly excluded?: readonly string[];
  readonly condition?: Condition | undefined;
}

const LISTED = 10;

export function createSegment(segment: NewSegment): Plan {
  return (state, now) => {
    existingProject(state);
    expectAbsent(state.segments.get(segment.key), `projects/${state.key}/segments/${segment.key}`);
    return { operations: [putSegment({ ...segment, archived: false, createdAt: now, updatedAt: now })] };
  };
}

export function updateSegment(key: string, fields: SegmentFields, expectedVersion?: number): Plan {
  return changeSegment(key, expectedVersion, (segment, state) => {
    expectLive(segment, `projects/${state.key}/segments/${key}`);
    const { condition, ...rest } = { ...segment, ...fields };
    return condition === undefined ? rest : { ...rest, condition };
  });
}

/** Refused while anything refers to the segment. */
export function archiveSegment(key: string, expectedVersion?: number): Plan {
  return changeSegment(key, expectedVersion, (segment, state) => {
    expectUnused(state, key);
    return { ...segment, archived: true };
  });
}

export function restoreSegment(key: string, expectedVersion?: number): Plan {
  return changeSegment(key, expectedVersion, (segment) => ({ ...segment, archived: false }));
}

/** Refused while anything refers to the segment. */
export function deleteSegment(key: string, expectedVersion?: number): Plan {
  return (state) => {
    expectVersion(existingSegment(state, key), expectedVersion);
    expectUnused(state, key);
    return { operations: [{ op: 'delete', id: { kind: 'segment', environment: '', key } }] };
  };
}

function expectUnused(state: ProjectState, key: string): void {
  const referrers = referrersOfSegment(state, key);
  if (referrers.length === 0) return;
  const listed = referrers.slice(0, LISTED).map(inWords).join(', ');
  const more = referrers.length > LISTED ? ` and ${referrers.length - LISTED} more` : '';
  throw new FlagError('failed_precondition', `segment ${key} is used by ${listed}${more}`, {
    reason: 'SEGMENT_IN_USE',
    resource: `projects/${state.key}/segments/${key}`,
    metadata: { referrers: String(referrers.length) },
  });
}

function inWords({ kind, environment, key }: ObjectId): string {
  return kind === 'settings' ? `flag ${key} in ${environment}` : `${kind} ${key}`;
}

function changeSegment(
  key: string,
  expectedVersion: number | undefined,
  change: (segment: Segment, state: ProjectState) => Segment,
): Plan {
  return (state, now) => {
    const stored = existingSegment(state, key);
    expectVersion(stored, expectedVersion);
    return { operations: [putSegment({ ...change(stored.state, state), updatedAt: now })] };
  };
}

function putSegment(segment: Segment): Operation {
  return { op: 'put', object: { kind: 'segment', state: segment } };
}
