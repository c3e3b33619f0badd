import type { Operation } from '../../core/change.ts';
import type { Condition, Segment } from '../../core/model.ts';
import type { ProjectState } from '../project-state.ts';
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

export function archiveSegment(key: string, expectedVersion?: number): Plan {
  return changeSegment(key, expectedVersion, (segment) => ({ ...segment, archived: true }));
}

export function restoreSegment(key: string, expectedVersion?: number): Plan {
  return changeSegment(key, expectedVersion, (segment) => ({ ...segment, archived: false }));
}

export function deleteSegment(key: string, expectedVersion?: number): Plan {
  return (state) => {
    expectVersion(existingSegment(state, key), expectedVersion);
    return { operations: [{ op: 'delete', id: { kind: 'segment', environment: '', key } }] };
  };
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
