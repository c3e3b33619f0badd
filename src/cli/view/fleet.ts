import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { ChangeReceipt, ReplicaProgress } from '../../../gen/vexil/v1/changes_pb.ts';
import type { Replica } from '../../../gen/vexil/v1/fleet_service_pb.ts';
import { keyOf } from '../names.ts';
import { counted, printable, table } from './table.ts';

/** Such as `3 of 3 replicas have revision 42 after 38 ms`; empty if nobody was waited for. */
export function fleetLine({ fleet, revision }: ChangeReceipt): string {
  if (fleet === undefined) return '';
  const reached = fleet.replicas.filter((replica) => replica.reached).length;
  const [all, have] = [counted(fleet.replicas.length, 'replica'), reached === 1 ? 'has' : 'have'];
  const others = fleet.membersKnown ? '' : ', and there may be others';
  return `${reached} of ${all} ${have} revision ${revision} after ${spanText(fleet.elapsedMs)}${others}`;
}

/** When a replica had the revision, or what it has instead: `vexil-1: after 21 ms`. */
export function progressLine(replica: ReplicaProgress): string {
  const { name, reached, reachedAfterMs = 0, revision, silenceMs, trouble, quarantined } = replica;
  const unknown = quarantined.length === 0 ? '' : `, but it does not understand ${quarantined.join(', ')}`;
  if (reached) return printable(`${name}: after ${spanText(reachedAfterMs)}${unknown}`);
  const why = trouble === '' ? '' : `, its log is ${trouble}`;
  return printable(`${name}: is at revision ${revision}${why}, last heard of ${spanText(silenceMs)} ago`);
}

/** Every replica with what it has, and below them what is wrong. `nowMs` is the time here. */
export function replicaTable(replicas: readonly Replica[], nowMs: number): string {
  const rows = replicas.map((replica) => [
    replica.name,
    replica.version,
    replica.startTime === undefined ? '' : spanText(Math.max(0, nowMs - timestampMs(replica.startTime))),
    `${spanText(replica.silenceMs)} ago`,
    spanText(replica.stalenessMs),
    Object.entries(replica.revisions)
      .map(([project, revision]) => `${keyOf(project)}=${revision}`)
      .sort()
      .join(' '),
    [...(replica.answering ? ['answering'] : []), ...(replica.draining ? ['draining'] : [])].join(', '),
  ]);
  const headings = ['NAME', 'VERSION', 'UP', 'HEARD OF', 'STALE', 'REVISIONS', ''];
  return [table(headings, rows), ...replicas.flatMap(complaintsOf)].join('\n');
}

function complaintsOf({ name, troubles, quarantined }: Replica): string[] {
  return [
    ...troubles.map(({ project, what }) => `${name}: the log of ${keyOf(project)} is ${what}`),
    ...quarantined.map(({ project, what }) => `${name}: does not understand ${what} of ${keyOf(project)}`),
  ].map(printable);
}

/** `38 ms`, `1.2 s`, `5 m`, `3 h`, `12 d`. */
export function spanText(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} m`;
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}
