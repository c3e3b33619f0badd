import { create } from '@bufbuild/protobuf';
import { type Release as ReleaseMessage, ReleaseSchema } from '../../../gen/vexil/v1/definitions_pb.ts';
import type { Stored } from '../../app/project-state.ts';
import type { Release } from '../../core/model.ts';
import { etagOf } from '../etag.ts';
import { releaseName } from '../names.ts';
import { timestampOf } from '../timestamp.ts';
import { releaseStates } from './enums.ts';
import { reading } from './reading.ts';

/** What the people who make a release say about it. */
export type ReleaseContent = Pick<Release, 'branch' | 'runtimeVersion' | 'rolloutWeight' | 'flags'>;

export function releaseMessage(
  project: string,
  { state: release, version }: Stored<Release>,
): ReleaseMessage {
  return create(ReleaseSchema, {
    name: releaseName(project, release.key),
    key: release.key,
    branch: release.branch,
    runtimeVersion: release.runtimeVersion,
    rolloutWeight: release.rolloutWeight,
    state: releaseStates.toWire(release.state),
    flags: Object.fromEntries(release.flags.map(({ flag, variation }) => [flag, variation])),
    rolledBackFlags: [...release.rolledBackFlags],
    createTime: timestampOf(release.createdAt),
    updateTime: timestampOf(release.updatedAt),
    version: BigInt(version),
    etag: etagOf(version),
  });
}

/** A release that is to be made, its flags in code point order: what only the service sets is not looked at. Throws `invalid` with every mistake. */
export function releaseContentFrom(message: ReleaseMessage, path: string): ReleaseContent {
  return reading(ReleaseSchema, message, path, contentOf);
}

function contentOf(message: ReleaseMessage): ReleaseContent {
  const { branch, runtimeVersion, rolloutWeight } = message;
  const flags = Object.entries(message.flags)
    .map(([flag, variation]) => ({ flag, variation }))
    .sort((a, b) => (a.flag < b.flag ? -1 : 1));
  return { branch, runtimeVersion, rolloutWeight, flags };
}
