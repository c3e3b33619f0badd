import { create } from '@bufbuild/protobuf';
import { type FleetProgress, FleetProgressSchema } from '../../../gen/vexil/v1/changes_pb.ts';
import { type Replica as ReplicaMessage, ReplicaSchema } from '../../../gen/vexil/v1/fleet_service_pb.ts';
import type { Replica } from '../../app/fleet-members.ts';
import type { FleetProgress as Progress } from '../../app/fleet-progress.ts';
import type { Complaint } from '../../ports/fleet-registry.ts';
import { projectName } from '../names.ts';
import { timestampOf } from '../timestamp.ts';

const LONGEST_MS = 0xffff_ffff;

export function fleetProgressMessage({ replicas, ...wait }: Progress): FleetProgress {
  return create(FleetProgressSchema, {
    ...wait,
    replicas: replicas.map((replica) => ({
      ...replica,
      revision: BigInt(replica.revision),
      quarantined: [...replica.quarantined],
    })),
  });
}

export function replicaMessage(replica: Replica): ReplicaMessage {
  const { id, name, version, startedAt, draining, silenceMs, stalenessMs, applied } = replica;
  return create(ReplicaSchema, {
    ...{ id, name, version, draining },
    ...(!Number.isNaN(Date.parse(startedAt)) && { startTime: timestampOf(startedAt) }),
    answering: replica.isSelf,
    silenceMs: millisecondsOf(silenceMs),
    stalenessMs: millisecondsOf(stalenessMs + silenceMs),
    revisions: Object.fromEntries(
      [...applied].map(([project, revision]) => [projectName(project), BigInt(revision)]),
    ),
    troubles: replica.troubles.map(complaintOf),
    quarantined: replica.quarantined.map(complaintOf),
  });
}

function complaintOf({ project, what }: Complaint) {
  return { project: projectName(project), what };
}

function millisecondsOf(ms: number): number {
  return Math.min(Math.max(0, Math.round(ms)), LONGEST_MS);
}
