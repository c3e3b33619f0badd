import type { ServiceImpl } from '@connectrpc/connect';
import type { FleetService } from '../../gen/vexil/v1/fleet_service_pb.ts';
import type { Fleet } from '../app/fleet.ts';
import { replicaMessage } from './convert/fleet.ts';

type Service = ServiceImpl<typeof FleetService>;

export function fleetService({ fleet }: { fleet: Pick<Fleet, 'view'> }): Service {
  return {
    async listReplicas() {
      const { replicas, membersKnown } = await fleet.view();
      return { replicas: replicas.map(replicaMessage), membersKnown };
    },
  };
}
