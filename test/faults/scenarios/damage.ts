import { copyFileSync, existsSync, globSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createMongoChangeLog } from '../../../src/adapters/mongo/mongo-change-log.ts';
import { openMongo } from '../../../src/adapters/mongo/open-mongo.ts';
import { hashOf } from '../../../src/app/change-hash.ts';
import type { Change, Operation } from '../../../src/core/change.ts';
import { initialSettings } from '../../../src/core/model.ts';
import { metricOf } from '../../support/metrics.ts';
import { reasonOf } from '../checks/check.ts';
import { Refused, type Wish } from '../clients/service.ts';
import { wishOf } from '../clients/wishes.ts';
import type { FleetReplica } from '../fleet/fleet-replica.ts';
import { callWithin } from '../fleet/grpc-calls.ts';
import type { Scene } from '../fleet/scene.ts';
import { demand, rounds, type Scenario, SOME, until } from './scenario.ts';

const ANNA = { targetingKey: 'anna', attributes: {} };

/** What a replica keeps on its own disk to start from. */
function snapshotsOf({ dataDir }: FleetReplica): string[] {
  return globSync('*.db*', { cwd: dataDir }).map((name) => join(dataDir, name));
}

const DAMAGES: readonly (readonly [string, (file: string, scene: Scene) => void])[] = [
  ['empty', (file) => truncateSync(file, 0)],
  ['torn', (file, { random }) => truncateSync(file, random.whole(readFileSync(file).length + 1))],
  [
    'altered',
    (file, { random }) => {
      const bytes = readFileSync(file);
      for (let flips = 0; flips < 20 && bytes.length > 0; flips++) flip(bytes, random.whole(bytes.length));
      writeFileSync(file, bytes);
    },
  ],
  ['something else', (file, { random }) => writeFileSync(file, random.bytes(10_000))],
];

function flip(bytes: Buffer, at: number): void {
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
}

const localSnapshot: Scenario = {
  ...{ name: 'F17', fault: 'what a replica has on its disk is old, torn, altered or empty', least: SOME },
  async play(scene, stretch) {
    await rounds(2 * stretch, async (round) => {
      const replica = scene.replica(round);
      await scene.sleep(1_500);
      await scene.during(`the disk of ${replica.name} is damaged`, async () => {
        await replica.kill();
        if (round === 0) putOldBack(replica);
        else for (const file of snapshotsOf(replica)) scene.random.pick(DAMAGES)[1](file, scene);
        await replica.start();
      });
    });
  },
};

/** Its files as they were before the last start, if there are any such. */
function putOldBack(replica: FleetReplica): void {
  for (const file of snapshotsOf(replica)) {
    if (file.endsWith('.old')) continue;
    const old = `${file}.old`;
    if (existsSync(old)) copyFileSync(old, file);
    else copyFileSync(file, old);
  }
}

/** A change that no build of this service would have made, in the middle of the log. */
const poison: Scenario = {
  ...{ name: 'F29', fault: 'objects that nobody understands get into the log' },
  cast: { wish: (random, knowledge, key) => withoutHalts(wishOf(random, knowledge, key)) },
  least: { ...SOME, operations: 15 },
  async play(scene, stretch) {
    await rounds(stretch, async (round) => {
      await scene.during('the log is poisoned', async () => {
        for (const [number, operations] of POISONS.entries())
          await append(scene, `poison-${round}-${number}`, operations);
      });
      for (const { server, name } of scene.fleet.replicas)
        await until(`${name} shows what it does not understand`, async () => {
          return (await metricOf(server.managementUrl, 'vexil_quarantined')) > 0;
        });
      await scene.write(`resume-${round}`, { kind: 'resume_flag', flag: 'search' });
      const halted = await scene.write(`halt-${round}`, { kind: 'halt_flag', flag: 'search' });
      const value = `mended in round ${round}`;
      const mended = await scene.write(`mend-${round}`, { kind: 'set_value', flag: 'checkout', value });
      const refused = scene.recorder
        .history()
        .operations.filter(({ client, outcome }) => client === 'scene' && outcome !== 'ok')
        .map(({ key, code }) => `${key} ${code}`);
      demand(halted > 0 && mended > 0, `everything can be changed, what is broken included (${refused})`);
      await lookBack(scene);
      await scene.sleep(1_000);
    });
  },
};

/** The flag that is halted at the end of a round must not be halted already. */
function withoutHalts(wish: Wish): Wish {
  if (wish.kind === 'plan') return { ...wish, halts: false };
  return wish.kind === 'halt_flag' ? { kind: 'resume_flag', flag: wish.flag } : wish;
}

/** Whoever looks at the past of it gets an answer, or a refusal, and nothing that went wrong inside. */
async function lookBack({ fleet, project, recorder, log }: Scene): Promise<void> {
  const grpc = fleet.replicas[0]?.grpc();
  const poisoned = (await log()).filter(({ actor }) => actor === 'nobody');
  for (const { revision } of poisoned)
    for (const [method, request] of [
      ['GetRevision', { name: `${project}/revisions/${revision}` }],
      ['DiffRevisions', { parent: project, fromRevision: revision - 1, toRevision: revision }],
      ['EvaluateAt', { parent: `${project}/environments/production`, revision, flagKey: 'checkout' }],
    ] as const) {
      if (grpc === undefined) throw new Error('the first replica is not there');
      const options = { token: fleet.adminToken, deadlineMs: 10_000 };
      const asked = callWithin(grpc, `HistoryService/${method}`, request, options);
      const code = await asked.then(
        () => '',
        (error: unknown) => (error instanceof Refused ? error.code : String(error)),
      );
      if (code === 'INTERNAL' || code === 'UNKNOWN')
        recorder.incident(`${method} of revision ${revision} was answered with ${code}`);
    }
}

const POISONS: readonly (readonly Operation[])[] = [
  // Of nothing that writers touch, so that it stays.
  [misshapen({ kind: 'segment', state: { key: 'odd', included: 'everybody' } })],
  [misshapen({ kind: 'flag', state: { key: 'checkout', variations: 'none', type: 'string' } })],
  [misshapen({ kind: 'settings', environment: 'production', state: { flag: 'checkout', rules: [null] } })],
  [settings({ prerequisites: [{ flag: 'payments', variations: ['a'] }] })],
  [settings({ rules: Array.from({ length: 10_000 }, (_, number) => rule(`rule-${number}`, 'never')) })],
  [settings({ rules: [rule('pattern', '^(a+)+$')] })],
];

function misshapen(object: unknown): Operation {
  return { op: 'put', object: object as Extract<Operation, { op: 'put' }>['object'] };
}

function settings(parts: object): Operation {
  const state = { ...initialSettings('payments'), enabled: true, ...parts };
  return { op: 'put', object: { kind: 'settings', environment: 'production', state } };
}

function rule(id: string, pattern: string) {
  return {
    ...{ id, name: '', priority: 1, recordExposures: true, serve: { kind: 'variation', variation: 'b' } },
    condition: { kind: 'clause', attribute: 'text', operator: 'matches', values: [pattern] },
  };
}

/** Past every check, as somebody would who writes into the database by hand. */
async function append({ fleet, recorder, projectKey }: Scene, key: string, operations: readonly Operation[]) {
  const operation = recorder.operation({ client: 'poison', key, what: 'poison' });
  await using mongo = openMongo({ uri: fleet.database.uri, database: fleet.database.name });
  await using log = createMongoChangeLog(mongo);
  for (let attempts = 1; ; attempts++) {
    const [newest] = await log.readBack(projectKey, Number.MAX_SAFE_INTEGER, 1);
    if (newest === undefined) throw new Error('there is no log');
    const change = following(newest, key, operations);
    if ((await log.append(change)).kind !== 'appended') continue;
    operation.ended({ outcome: 'ok', code: '', revision: change.revision, attempts });
    return;
  }
}

function following(newest: Change, key: string, operations: readonly Operation[]): Change {
  const unsealed = {
    ...{ format: 1 as const, project: newest.project, revision: newest.revision + 1, action: 'by.hand' },
    ...{ actor: 'nobody', reason: reasonOf(key), time: newest.time, idempotencyKey: `call:${key}` },
    ...{ requestDigest: '', operations, previousHash: newest.hash },
  };
  return { ...unsealed, hash: hashOf(unsealed) };
}

/** History is lost here, so that only what is left of it can be checked. */
const restore: Scenario = {
  ...{ name: 'F30', fault: 'MongoDB is restored from an older backup while replicas run' },
  cast: { writers: 0, watchers: 3, readers: 1 },
  least: { operations: 0, operationsInFaults: 0, resumes: 0, evaluations: 10 },
  only: ['I1', 'I15'],
  async play(scene) {
    const [first] = scene.services;
    if (first === undefined) throw new Error('a fleet of nobody');
    for (let number = 0; number < 8; number++)
      await first.write({
        key: `value-${number}`,
        wish: { kind: 'set_value', flag: 'search', value: `${number}` },
      });
    const head = (await scene.log()).length;
    await until('all are at the head', () => allAt(scene, head));
    await scene.during('the end of the log is gone', async () => {
      const changes = scene.fleet.database.client.db(scene.fleet.database.name).collection('changes');
      await changes.deleteMany({ project: scene.projectKey, revision: { $gt: head - 3 } });
      await noticed(scene, head);
      // Whoever restores a backup restarts the service after it.
      for (const replica of scene.fleet.replicas) await replica.stop();
      for (const replica of scene.fleet.replicas) await replica.start();
    });
    await until('all are where the log ends', () => allAt(scene, head - 3));
    const { revision } = await first.write({
      key: 'afterwards',
      wish: { kind: 'set_value', flag: 'search', value: 'afterwards' },
    });
    demand(revision === head - 2, 'the service goes on from where the log ends');
    await until('all have it', () => allAt(scene, head - 2));
  },
};

async function allAt({ services }: Scene, revision: number): Promise<boolean> {
  const seen = await Promise.all(services.map((service) => service.staleness().catch(() => undefined)));
  return seen.every((answer) => answer?.revision === revision);
}

/** Every replica refuses to write, and serves what it served before. */
async function noticed({ services }: Scene, head: number): Promise<void> {
  for (const service of services) {
    await until(`${service.replica} refuses writes`, async () => {
      const key = `refused-${service.replica}-${performance.now()}`;
      const wish = { kind: 'set_value', flag: 'checkout', value: key } as const;
      const refusal = await service.write({ key, wish }).catch((error: unknown) => error);
      return refusal instanceof Refused && refusal.reason === 'LOG_FORKED';
    });
    const { revision } = await service.evaluate('search', ANNA, 0);
    demand(revision === head, `${service.replica} serves revision ${head}, and not ${revision}`);
  }
}

export const DAMAGE: readonly Scenario[] = [localSnapshot, poison, restore];
