import { setTimeout as delay } from 'node:timers/promises';
import { createMongoChangeLog } from '../../../src/adapters/mongo/mongo-change-log.ts';
import { openMongo } from '../../../src/adapters/mongo/open-mongo.ts';
import type { Change } from '../../../src/core/change.ts';
import { newKey, newProject } from '../../e2e/tour/tour.ts';
import { callsOf } from '../../support/calls.ts';
import type { Service } from '../clients/service.ts';
import { LASTING_FLAGS, SEGMENT } from '../clients/wishes.ts';
import type { Fleet } from './fleet.ts';
import { newFlagRequest } from './wire-writes.ts';

/** A new project with what clients expect in it, and a server key to it. */
export async function newSceneProject(fleet: Fleet, key: string) {
  const grpc = fleet.replicas[0]?.grpc();
  if (grpc === undefined) throw new Error('the first replica is not there');
  const calls = callsOf(grpc.call, fleet.adminToken);
  const project = await newProject(calls, key);
  const environment = `${project}/environments/production`;
  const serverToken = await newKey(calls, project, { kind: 'KEY_KIND_SERVER', environment });
  await calls.ok('SegmentService/CreateSegment', { parent: project, segmentId: SEGMENT });
  for (const flag of LASTING_FLAGS)
    await calls.ok('FlagService/CreateFlag', newFlagRequest(project, flag, 'production'));
  return { project, serverToken };
}

/** Resolves when every replica has the project, so that nobody is turned away for a key that is too new. */
export async function everywhere(services: readonly Service[], revision: number): Promise<void> {
  for (const service of services) {
    const untilMs = performance.now() + 10_000;
    for (;;) {
      const seen = await service.staleness().catch((error: unknown) => error);
      if (!(seen instanceof Error) && Object(seen).revision >= revision) break;
      if (performance.now() > untilMs) throw new Error(`${service.replica} does not get there: ${seen}`);
      await delay(50);
    }
  }
}

/** The changes of a project, straight from the server, past every proxy. */
export async function logOf({ database }: Fleet, project: string): Promise<readonly Change[]> {
  await using mongo = openMongo({ uri: database.uri, database: database.name });
  await using log = createMongoChangeLog(mongo);
  const changes: Change[] = [];
  for (;;) {
    const page = await log.read(project, changes.length, 500);
    if (page.length === 0) return changes;
    changes.push(...page);
  }
}
