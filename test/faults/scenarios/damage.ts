import { copyFileSync, existsSync, globSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Refused } from '../clients/service.ts';
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
      // A restart changes nothing about it.
      await scene.replica(1).stop();
      await scene.replica(1).start();
      await noticed(scene, head);
      const adopted = await adopt(scene);
      demand(adopted === head - 2, `the log is taken for the truth at revision ${head - 2}, not ${adopted}`);
      await until('all have taken it for the truth', () => allAt(scene, adopted));
    });
    const { revision } = await first.write({
      key: 'afterwards',
      wish: { kind: 'set_value', flag: 'search', value: 'afterwards' },
    });
    demand(revision === head - 1, 'the service goes on from where the log ends');
    await until('all have it', () => allAt(scene, revision));
    await until('all watchers were told everything anew', () => haveBegunAnew(scene));
  },
};

/** As an operator does who has looked at the log; the revision that says so. */
async function adopt({ fleet, project, log }: Scene): Promise<number> {
  const grpc = fleet.replicas[0]?.grpc();
  if (grpc === undefined) throw new Error('the first replica is not there');
  const headHash = Buffer.from((await log()).at(-1)?.hash ?? '', 'hex').toString('base64');
  const request = { parent: project, headHash, reason: 'restored a backup' };
  const options = { token: fleet.adminToken, deadlineMs: 10_000 };
  const { revision } = await callWithin(grpc, 'HistoryService/AdoptHistory', request, options);
  return Number(revision);
}

function haveBegunAnew({ recorder }: Scene): boolean {
  return recorder
    .history()
    .watchers.every(({ messages }) =>
      messages.some((message) => message.kind === 'hello' && message.reason === 'history_rewritten'),
    );
}

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

export const DAMAGE: readonly Scenario[] = [localSnapshot, restore];
