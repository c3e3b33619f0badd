import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInProcessHub } from '../../src/adapters/in-process/in-process-bus.ts';
import { openSqliteChangeLog } from '../../src/adapters/sqlite/sqlite-change-log.ts';
import { Evaluation } from '../../src/core/evaluation.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { type Instance, openInstance } from './instance.ts';
import { PLACE } from './shop.ts';
import { type SwitchableLog, switchableLog } from './switchable-log.ts';

/** A replica with a disk of its own, and a way to the log that can be cut. */
export interface Replica {
  /** Undefined while it is down. */
  readonly instance: Instance;
  readonly directory: string;
  /** Each start gets a way of its own, which begins as `link` says. */
  readonly link: SwitchableLog;
  /** Ends it in good order. */
  stop(): Promise<void>;
  /** Starts it on what it left, with the log reachable or not. Rejects if it did not start soon. */
  start(options?: { readonly log?: 'on' | 'off' | 'hang' }): Promise<void>;
}

/** Replicas in one process and at one time: one log, one bus, and a clock that the test moves. */
export interface Replicas extends AsyncDisposable {
  readonly clock: FakeClock;
  readonly logDirectory: string;
  /** All are up. */
  open(): Promise<Replica>;
  /** Nobody hears of each other until disposed. */
  cutBus(): Disposable;
}

export async function openReplicas(): Promise<Replicas> {
  const root = await mkdtemp(join(tmpdir(), 'vexil-replicas-'));
  const clock = createFakeClock(Date.parse('2030-01-01T00:00:00.000Z'));
  const hub = createInProcessHub();
  const logDirectory = join(root, 'log');
  const replicas: { stop(): Promise<void> }[] = [];
  return {
    clock,
    logDirectory,
    cutBus: () => hub.cut(),
    async open() {
      const directory = join(root, `replica-${replicas.length}`);
      let running: { instance: Instance; link: SwitchableLog } | undefined;
      const current = () => {
        if (running === undefined) throw new Error('the replica is down');
        return running;
      };
      const replica: Replica = {
        directory,
        get instance() {
          return current().instance;
        },
        get link() {
          return current().link;
        },
        async stop() {
          await running?.instance.close();
          running = undefined;
        },
        async start({ log = 'on' } = {}) {
          const link = switchableLog(await openSqliteChangeLog(logDirectory));
          link[log]();
          const bus = hub.connect();
          running = { link, instance: await openInstance({ directory, log: link.log, clock, bus }) };
        },
      };
      await replica.start();
      replicas.push(replica);
      return replica;
    },
    async [Symbol.asyncDispose]() {
      for (const replica of replicas) await replica.stop();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** What a replica answers for a flag, at the revision that it has. */
export function answer({ instance }: Replica, flag: string): Outcome | undefined {
  const snapshot = instance.catalog.snapshot(PLACE.project, PLACE.environment);
  if (snapshot === undefined) return undefined;
  return new Evaluation(snapshot, { targetingKey: 'anna', attributes: {} }, 0).flag(flag);
}

export function revisionOf({ instance }: Replica): number {
  return instance.catalog.known(PLACE.project)?.revision ?? 0;
}
