import { type ClientHttp2Session, connect } from 'node:http2';
import { envelopeOf } from '../../support/connect-json.ts';
import { grpcCaller } from '../../support/grpc-caller.ts';
import { metricOf } from '../../support/metrics.ts';
import { Refused, type Service, type Told } from '../clients/service.ts';
import type { FleetReplica } from '../fleet/fleet-replica.ts';
import type { Scene } from '../fleet/scene.ts';
import { startFaultProxy } from '../proxies/fault-proxy.ts';
import { demand, rounds, type Scenario, SOME, until } from './scenario.ts';

const UNREAD = 90;
/** Half of what it takes to keep a few hundred changes for every watcher. */
const MOST_GROWTH_BYTES = 64 * 2 ** 20;

const unread: Scenario = {
  ...{ name: 'F23', fault: 'many watchers never read', least: SOME },
  async play(scene, stretch) {
    const sessions = scene.fleet.replicas.flatMap((replica) =>
      Array.from({ length: Math.min(5, stretch) }, () => openUnread(replica, scene.serverToken)),
    );
    await scene.during('many watchers do not read', async () => {
      // Until the heap has found its size.
      await scene.sleep(2_000 * stretch);
      const before = await memoryOf(scene);
      await scene.sleep(2_000 * stretch);
      for (const [index, bytes] of (await memoryOf(scene)).entries()) {
        const growth = bytes - (before[index] ?? 0);
        demand(growth < MOST_GROWTH_BYTES, `watchers who do not read cost nothing (${growth} bytes)`);
      }
    });
    for (const session of sessions) session.destroy();
  },
};

async function memoryOf({ fleet }: Scene): Promise<number[]> {
  return await Promise.all(
    fleet.replicas.map(({ server }) => metricOf(server.managementUrl, 'process_memory_usage')),
  );
}

/** A connection whose window is closed, with as many watches as it may have. */
function openUnread({ server }: FleetReplica, token: string): ClientHttp2Session {
  const session = connect(server.url, { settings: { initialWindowSize: 0 } });
  session.on('error', () => undefined);
  for (let number = 0; number < UNREAD; number++) {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/vexil.v1.EvaluationService/WatchFlags',
      'content-type': 'application/connect+json',
      authorization: `Bearer ${token}`,
    });
    stream.on('error', () => undefined);
    stream.end(envelopeOf({ definitions: {} }));
  }
  return session;
}

/** A watcher whose connection to one replica can be interfered with. */
async function throughProxy(scene: Scene, replica: FleetReplica) {
  const { port } = replica.server;
  const proxy = scene.keep(await startFaultProxy({ target: () => ({ host: '127.0.0.1', port }) }));
  const grpc = scene.keep(grpcCaller(`127.0.0.1:${proxy.port}`, QUICK_RECONNECTS));
  scene.watch([scene.serviceBy(replica, grpc)], 2);
  return proxy;
}

const QUICK_RECONNECTS = {
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 50,
};

const slowReader: Scenario = {
  ...{ name: 'F24', fault: 'watchers read a kilobyte in a second, while changes come as fast as they can' },
  cast: { writers: 12, thinkMs: 0 },
  least: SOME,
  async play(scene, stretch) {
    const proxies = await Promise.all(scene.fleet.replicas.map((replica) => throughProxy(scene, replica)));
    await scene.during('a narrow way to watchers', async () => {
      for (const proxy of proxies) proxy.toClient.set({ bytesPerSecond: 1_024 });
      await scene.sleep(4_000 * stretch);
      for (const proxy of proxies) proxy.heal();
    });
  },
};

const cutReader: Scenario = {
  ...{
    name: 'F25',
    fault: 'watchers are cut off after any number of bytes, at random',
    least: { ...SOME, resumes: 10 },
  },
  async play(scene, stretch) {
    const replica = scene.replica(0);
    const proxy = await throughProxy(scene, replica);
    await scene.during('watchers are cut off', () =>
      rounds(25 * stretch, async () => {
        proxy.toClient.cutAfter(scene.random.whole(6_000));
        await scene.sleep(150);
        proxy.heal();
        proxy.cut();
        await scene.sleep(50);
      }),
    );
    proxy.heal();
  },
};

const DEFINITIONS = { kind: 'definitions' } as const;

const tokens: Scenario = {
  ...{
    name: 'F27',
    fault: 'watchers come with tokens of every age, and with tokens that are none',
    least: { ...SOME, operations: 10, resumes: 0 },
  },
  async play(scene, stretch) {
    const service = scene.services[0];
    if (service === undefined) throw new Error('a fleet of nobody');
    const collected = await collectTokens(service, 6 * stretch);
    for (const { token, revision } of collected) {
      const [hello, first] = await beginningOf(service, token, 2);
      demand(hello?.message.kind === 'hello' && hello.message.reason === 'resumed', 'an old token is good');
      const from = first?.message.kind === 'delta' ? first.message.from : revision;
      demand(from === revision, `a token of ${revision} leads on from there, and not from ${from}`);
    }
    const { token = '' } = collected.at(-1) ?? {};
    const middle = Math.floor(token.length / 2);
    const damaged = `${token.slice(0, middle)}${token[middle] === 'A' ? 'B' : 'A'}${token.slice(middle + 1)}`;
    demand((await refusalOf(service, damaged)) === 'RESUME_TOKEN_INVALID', 'a damaged token is refused');
    await isNotSentBack(scene);
  },
};

/** A client that has seen more elsewhere gets nothing until this replica is as far. */
async function isNotSentBack(scene: Scene): Promise<void> {
  const [ahead, behind] = scene.services;
  const lagging = scene.replica(1);
  if (ahead === undefined || behind === undefined) throw new Error('a fleet of one');
  await scene.during('a replica lags behind', async () => {
    lagging.mongo.blackhole(true);
    lagging.nats.tcp.blackhole(true);
    const { head } = scene.knowledge;
    await until('something has changed', () => scene.knowledge.head > head + 3);
    const [newest] = (await collectTokens(ahead, 1)).slice(-1);
    const beginning = beginningOf(behind, newest?.token ?? '', 1);
    await scene.sleep(500);
    lagging.heal();
    const [hello] = await beginning;
    const target = hello?.message.kind === 'hello' ? hello.message.target : 0;
    demand(target >= (newest?.revision ?? 0), `nobody is sent back from ${newest?.revision} to ${target}`);
  });
}

/** Some tokens as they come, with their revisions. */
async function collectTokens(service: Service, count: number) {
  const collected: { token: string; revision: number }[] = [];
  const leaving = new AbortController();
  for await (const { message, token } of service.watch(DEFINITIONS, '', leaving.signal)) {
    if (token === undefined) continue;
    if (message.kind === 'delta') collected.push({ token, revision: message.to });
    if (message.kind === 'end') collected.push({ token, revision: message.revision });
    if (collected.length > count) break;
  }
  leaving.abort();
  return collected;
}

/** The first messages of a watch that goes on, bookmarks left out; fewer if it is up to date. */
async function beginningOf(service: Service, token: string, count: number): Promise<Told[]> {
  const beginning: Told[] = [];
  const leaving = new AbortController();
  for await (const told of service.watch(DEFINITIONS, token, leaving.signal)) {
    if (told.message.kind === 'bookmark') break;
    beginning.push(told);
    if (beginning.length === count) break;
  }
  leaving.abort();
  return beginning;
}

async function refusalOf(service: Service, token: string): Promise<string> {
  try {
    await beginningOf(service, token, 1);
    return '';
  } catch (error) {
    return error instanceof Refused ? error.reason : String(error);
  }
}

export const WATCHERS: readonly Scenario[] = [unread, slowReader, cutReader, tokens];
