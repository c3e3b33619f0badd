import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type GrpcCaller, grpcCaller } from '../../support/grpc-caller.ts';
import { type ServerProcess, startServer } from '../../support/server-process.ts';
import type { Failpoint } from '../mutants/failpoints.ts';
import type { FaultProxy } from '../proxies/fault-proxy.ts';
import type { NatsProxy } from '../proxies/nats-proxy.ts';

export interface FleetReplicaParts {
  readonly name: string;
  readonly dataDir: string;
  /** Its ways to MongoDB and to NATS. */
  readonly mongo: FaultProxy;
  readonly nats: NatsProxy;
  readonly env: Readonly<Record<string, string>>;
  /** The URLs of modules that the process loads before all else. */
  readonly imports: readonly string[];
}

const FAILPOINTS = new URL('../mutants/failpoints.ts', import.meta.url);

/** One process of the fleet, with its own ways to both servers, and all that may happen to it. */
export class FleetReplica implements AsyncDisposable {
  readonly name: string;
  readonly mongo: FaultProxy;
  readonly nats: NatsProxy;
  readonly dataDir: string;
  readonly #failpointDir: string;
  readonly #env: Readonly<Record<string, string>>;
  #server: ServerProcess | undefined;
  #grpc: GrpcCaller | undefined;
  #isUp = false;
  #isPaused = false;

  constructor({ name, dataDir, mongo, nats, env, imports }: FleetReplicaParts) {
    this.name = name;
    this.mongo = mongo;
    this.nats = nats;
    this.dataDir = dataDir;
    this.#failpointDir = join(dataDir, 'failpoints');
    mkdirSync(this.#failpointDir, { recursive: true });
    const modules = [`${FAILPOINTS.href}?${encodeURIComponent(this.#failpointDir)}`, ...imports];
    this.#env = { ...env, NODE_OPTIONS: modules.map((url) => `--import ${url}`).join(' ') };
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  get server(): ServerProcess {
    if (this.#server === undefined) throw new Error(`replica ${this.name} was never started`);
    return this.#server;
  }

  /** A channel to the process as it is now; undefined while there is none. */
  grpc(): GrpcCaller | undefined {
    return this.#isUp ? this.#grpc : undefined;
  }

  /** Resolves when it is ready. */
  async start(): Promise<void> {
    if (this.#server === undefined)
      this.#server = await startServer({ dataDir: this.dataDir, env: this.#env });
    else await this.#server.restart();
    this.#grpc?.[Symbol.dispose]();
    this.#grpc = grpcCaller(this.#server.address);
    this.#isUp = true;
  }

  async kill(): Promise<void> {
    this.#isUp = false;
    await this.server.kill('SIGKILL');
  }

  /** Ends it in an orderly way. Rejects unless it exits with 0. */
  async stop(): Promise<void> {
    const stopped = this.server.stop();
    await stopped.finally(() => {
      this.#isUp = false;
    });
  }

  pause(): void {
    this.#isPaused = true;
    process.kill(this.server.pid, 'SIGSTOP');
  }

  resume(): void {
    if (this.#isPaused) process.kill(this.server.pid, 'SIGCONT');
    this.#isPaused = false;
  }

  /** Has it killed where it gets to next. Resolves when it is dead. */
  async killAt(place: Failpoint): Promise<void> {
    const { pid } = this.server;
    writeFileSync(join(this.#failpointDir, place), 'kill');
    while (isRunning(pid)) await new Promise((resume) => setTimeout(resume, 5));
    this.#isUp = false;
    await this.server.kill('SIGKILL');
  }

  /** Takes back what `killAt` asked for and did not happen. */
  disarm(): void {
    for (const place of ['append.before', 'append.after', 'publish.after'])
      rmSync(join(this.#failpointDir, place), { force: true });
  }

  /** Whether it has died by itself. */
  hasDied(): boolean {
    return this.#isUp && !isRunning(this.server.pid);
  }

  /** Takes away everything that stands between it and its servers. */
  heal(): void {
    this.resume();
    this.disarm();
    this.mongo.heal();
    this.nats.heal();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#grpc?.[Symbol.dispose]();
    if (this.#server !== undefined) {
      this.resume();
      await this.#server[Symbol.asyncDispose]();
    }
    await this.mongo[Symbol.asyncDispose]();
    await this.nats[Symbol.asyncDispose]();
  }
}

/** A process that was killed and not waited for yet is none. */
function isRunning(pid: number): boolean {
  if (!existsSync(`/proc/${pid}`)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
