import type { Collection } from 'mongodb';
import { FlagError } from '../../core/errors.ts';
import { type FleetRegistry, LIVE_MS } from '../../ports/fleet-registry.ts';
import { readReport, reportText } from '../../ports/fleet-report-text.ts';
import { isDuplicate } from './mongo-errors.ts';
import type { Mongo } from './open-mongo.ts';

/** One replica. `report` is what it says; what is beside it is for people, but for the sequence. */
interface ReplicaDocument {
  readonly _id: string;
  readonly sequence: number;
  readonly name: string;
  readonly version: string;
  readonly startedAt: string;
  readonly report: string;
  /** By the server's clock. */
  readonly seenAt: Date;
}

const FORGOTTEN_AFTER_S = 60;
/** A report that is lost is made again soon: none waits for a majority's journals. */
const writeConcern = { w: 1, journal: false };

const MEMBERS = [
  { $match: { seenAt: { $type: 'date' }, report: { $type: 'string' } } },
  { $set: { ageMs: { $subtract: ['$$NOW', '$seenAt'] } } },
  { $match: { ageMs: { $lte: LIVE_MS } } },
  { $project: { report: 1, ageMs: 1 } },
];

/**
 * The registry, in the collection `replicas`, where a replica that is silent for a minute is forgotten. It has to be
 * asked: nobody is told of reports. Whoever opened `mongo` disposes of it, after this.
 */
export function createMongoRegistry(mongo: Mongo): FleetRegistry {
  const replicas = mongo.db.collection<ReplicaDocument>('replicas');
  let indexing: Promise<unknown> | undefined;
  let isOpen = true;

  const run: Mongo['run'] = async (work) => {
    if (!isOpen) throw new FlagError('unavailable', 'the registry is closed', { reason: 'REGISTRY_CLOSED' });
    return await mongo.run(work);
  };

  async function indexed(): Promise<void> {
    indexing ??= run(() => makeIndex(replicas));
    try {
      await indexing;
    } catch (error) {
      indexing = undefined;
      throw error;
    }
  }

  return {
    async report(report) {
      const { id, sequence, name, version, startedAt } = report;
      const shown = { sequence, name, version, startedAt, report: reportText(report) };
      const update = { $set: shown, $currentDate: { seenAt: true } } as const;
      await indexed();
      try {
        const earlier = { _id: id, sequence: { $lt: sequence } };
        await run(() => replicas.updateOne(earlier, update, { upsert: true, writeConcern }));
      } catch (error) {
        // There is one that is not earlier.
        if (!isDuplicate(error)) throw error;
      }
    },
    async leave(id) {
      await run(() => replicas.deleteOne({ _id: id }, { writeConcern }));
    },
    async members() {
      const found = await run(({ signal, maxTimeMS }) =>
        replicas.aggregate<{ report: string; ageMs: number }>(MEMBERS, { signal, maxTimeMS }).toArray(),
      );
      return found.flatMap(({ report: text, ageMs }) => {
        const report = readReport(text);
        return report === undefined ? [] : [{ report, ageMs: Math.max(0, ageMs) }];
      });
    },
    subscribe: () => ({ [Symbol.dispose]() {} }),
    async [Symbol.asyncDispose]() {
      isOpen = false;
    },
  };
}

async function makeIndex(replicas: Collection<ReplicaDocument>): Promise<void> {
  await replicas.createIndex({ seenAt: 1 }, { expireAfterSeconds: FORGOTTEN_AFTER_S });
}
