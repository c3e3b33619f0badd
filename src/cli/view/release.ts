import { type Release, ReleaseState } from '../../../gen/vexil/v1/definitions_pb.ts';
import { enumWord } from '../parse/enumeration.ts';
import { formatPercent } from '../parse/percent.ts';
import { fields, table } from './table.ts';
import { formatTime } from './time.ts';

export function releaseTable(releases: readonly Release[]): string {
  const rows = releases.map((release) => [
    release.key,
    release.branch,
    release.runtimeVersion,
    enumWord(ReleaseState, release.state),
    formatPercent(release.rolloutWeight),
    flagsText(release),
    formatTime(release.createTime),
  ]);
  return table(['KEY', 'BRANCH', 'RUNTIME', 'STATE', 'ROLLOUT', 'FLAGS', 'CREATED'], rows);
}

export function releaseText(release: Release): string {
  return fields([
    ['release', release.key],
    ['branch', release.branch],
    ['runtime version', release.runtimeVersion],
    ['state', enumWord(ReleaseState, release.state)],
    ['rollout', formatPercent(release.rolloutWeight)],
    ['flags', flagsText(release)],
    ['rolled back', release.rolledBackFlags.join(', ')],
    ['version', String(release.version)],
    ['created', formatTime(release.createTime)],
    ['updated', formatTime(release.updateTime)],
  ]);
}

function flagsText({ flags }: Release): string {
  return Object.entries(flags)
    .map(([flag, variation]) => `${flag}=${variation}`)
    .join(',');
}
