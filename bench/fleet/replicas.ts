import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { scenarioOf } from '../evaluator/scenario.ts';
import { entryOf } from '../service/checkout.ts';
import { fill } from '../service/fill.ts';
import { startServer } from '../service/service.ts';
import { environmentOf } from '../service/vexil.ts';
import { type Gate, startGate } from './gate.ts';
import { startServers } from './servers.ts';

/** A process that serves, and its ways to the servers that it shares with others. */
export interface Replica {
  readonly name: string;
  readonly port: number;
  readonly mongo: Gate;
  readonly nats: Gate;
}

/** Replicas over one database, with flags in it. Disposing of them ends everything that was started for them. */
export interface Fleet extends AsyncDisposable {
  readonly replicas: readonly Replica[];
  readonly adminToken: string;
  /** Of a server key. */
  readonly serverToken: string;
  /** Names of the flags' settings. Each has a rule `rule-0` with a rollout. */
  readonly settings: readonly string[];
}

const FLAGS = 20;

/** Starts so many, one after the other, on servers of their own. Rejects with Unavailable if there can be none. */
export async function startFleet(root: string, count: number): Promise<Fleet> {
  await using stack = new AsyncDisposableStack();
  const servers = stack.use(await startServers());
  const dataDirOf = (name: string) => join(servers.directory, name);
  const shared = {
    VEXIL_MONGODB_DATABASE: `vexil-bench-${randomUUID()}`,
    VEXIL_NATS_PREFIX: `bench-${randomUUID()}`,
    VEXIL_KEY_PEPPER: randomBytes(32).toString('hex'),
  };
  const replicas: Replica[] = [];
  for (let number = 0; number < count; number++) {
    const name = `replica-${number}`;
    const mongo = stack.use(await startGate(servers.mongo));
    const nats = stack.use(await startGate(servers.nats));
    const own = {
      VEXIL_REPLICA: name,
      VEXIL_MONGODB_URI: `mongodb://127.0.0.1:${mongo.port}/?directConnection=true`,
      VEXIL_NATS_URL: `nats://127.0.0.1:${nats.port}`,
    };
    const env = { ...environmentOf(dataDirOf(name)), ...shared, ...own };
    const server = await startServer(entryOf(root), { args: ['serve'], cwd: root, env });
    replicas.push({ name, port: stack.use(server).port, mongo, nats });
  }
  const { flags } = scenarioOf(`all-flags ${FLAGS}`);
  // The first one made the first admin key.
  const [{ name, port } = { name: '', port: 0 }] = replicas;
  const filling = await fill(port, dataDirOf(name), flags);
  const all = stack.move();
  return {
    replicas,
    adminToken: filling.change.token ?? '',
    serverToken: filling.token,
    settings: flags.map(({ key }) => `projects/default/environments/production/flags/${key}`),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}
