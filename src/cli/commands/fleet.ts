import type { Command } from 'commander';
import { FleetService, ReplicaSchema } from '../../../gen/vexil/v1/fleet_service_pb.ts';
import type { OpenSession } from '../session.ts';
import { replicaTable } from '../view/fleet.ts';

const { method } = FleetService;

export function register(fleet: Command, open: OpenSession): void {
  fleet
    .command('list')
    .description('List the replicas that serve together, and how far each is. Needs a key to the instance.')
    .action(async (_options: object, command: Command) => {
      const session = await open(command);
      const { replicas, membersKnown } = await session.call(method.listReplicas, {});
      if (!membersKnown) session.print.warn('nobody can say who is there: there may be other replicas');
      await session.showAll(ReplicaSchema, replicas, () => replicaTable(replicas, Date.now()));
    });
}
