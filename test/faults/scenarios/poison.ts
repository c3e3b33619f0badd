import { createMongoChangeLog } from '../../../src/adapters/mongo/mongo-change-log.ts';
import { openMongo } from '../../../src/adapters/mongo/open-mongo.ts';
import { hashOf } from '../../../src/app/change-hash.ts';
import type { Change, Operation } from '../../../src/core/change.ts';
import { initialSettings } from '../../../src/core/model.ts';
import { metricOf } from '../../support/metrics.ts';
import { reasonOf } from '../checks/check.ts';
import { Refused, type Wish } from '../clients/service.ts';
import { wishOf } from '../clients/wishes.ts';
import { callWithin } from '../fleet/grpc-calls.ts';
import type { Scene } from '../fleet/scene.ts';
import { demand, rounds, type Scenario, SOME, until } from './scenario.ts';

/** A change that no build of this service would have made, in the middle of the log. */
export const POISON: Scenario = {
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
