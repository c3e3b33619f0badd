import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInProcessBus } from '../../src/adapters/in-process/in-process-bus.ts';
import { createInProcessRegistry } from '../../src/adapters/in-process/in-process-fleet.ts';
import { openSqliteChangeLog } from '../../src/adapters/sqlite/sqlite-change-log.ts';
import { openSqliteProjection } from '../../src/adapters/sqlite/sqlite-projection.ts';
import { Access } from '../../src/app/access.ts';
import { Catalog } from '../../src/app/catalog.ts';
import { Fleet } from '../../src/app/fleet.ts';
import { Projector } from '../../src/app/projector.ts';
import { Schedules } from '../../src/app/schedules.ts';
import { WatchHub } from '../../src/app/watch-hub.ts';
import { DEFAULT_WATCH_OPTIONS, type WatchOptions, type WatchParts } from '../../src/app/watch-request.ts';
import { type Plan, Writer } from '../../src/app/writer.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import type { ChangeBus } from '../../src/ports/change-bus.ts';
import type { ChangeLog } from '../../src/ports/change-log.ts';
import type { FleetRegistry } from '../../src/ports/fleet-registry.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';

export const PEPPER = 'pepper';

/** A whole instance without its network side, on real embedded adapters, with a clock that the test moves. */
export async function openInstance(
  options: {
    readonly directory?: string;
    readonly watch?: Partial<WatchOptions>;
    readonly clock?: FakeClock;
    /** Default: one of its own. */
    readonly bus?: ChangeBus;
    /** Default: in the directory. Closed with the instance, like all that is passed in. */
    readonly log?: ChangeLog;
    readonly registry?: FleetRegistry;
    /** What the fleet calls it. Default: here. */
    readonly name?: string;
  } = {},
) {
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'vexil-')));
  const clock = options.clock ?? createFakeClock(Date.parse('2030-01-01T00:00:00.000Z'));
  const reports: string[] = [];
  const report = (problem: string) => void reports.push(problem);
  const log = options.log ?? (await openSqliteChangeLog(directory));
  const projection = await openSqliteProjection(directory);
  const bus = options.bus ?? createInProcessBus();
  const catalog = new Catalog({ log, bus, projection, clock, report });
  const name = options.name ?? 'here';
  const self = {
    id: `id of ${name}`,
    name,
    version: '1.2.3',
    startedAt: new Date(clock.now()).toISOString(),
  };
  const registry = options.registry ?? createInProcessRegistry(clock);
  const fleet = new Fleet({ catalog, clock, registry, self, report });
  await catalog.start();
  const writer = new Writer({ log, bus, catalog, clock, fleet, limits: DEFAULT_LIMITS });
  const access = new Access(catalog, clock, PEPPER);
  const schedules = new Schedules({ catalog, writer, clock, report });
  const projector = new Projector({ catalog, projection, clock, report, notes: true });
  const hub = new WatchHub(catalog, clock, { slowMs: 60_000 });
  const ending = new AbortController();
  const watch: WatchParts = {
    ...{ catalog, access, clock, hub, ending: ending.signal },
    options: { ...DEFAULT_WATCH_OPTIONS, ...options.watch },
  };
  const close = async () => {
    ending.abort();
    hub[Symbol.dispose]();
    schedules[Symbol.dispose]();
    access[Symbol.dispose]();
    await projector[Symbol.asyncDispose]();
    await fleet[Symbol.asyncDispose]();
    await catalog[Symbol.asyncDispose]();
    await log[Symbol.asyncDispose]();
    await projection[Symbol.asyncDispose]();
    await bus[Symbol.asyncDispose]();
  };
  return {
    ...{
      directory,
      clock,
      log,
      bus,
      projection,
      catalog,
      writer,
      access,
      fleet,
      hub,
      watch,
      ending,
      projector,
      reports,
    },
    /** Commits a plan without further ado. */
    commit: (project: string, plan: Plan, action = 'test') =>
      writer.commit(
        { project, action, actor: 'test', reason: '', requestDigest: '', validateOnly: false, mayHalt: true },
        plan,
      ),
    close,
    async [Symbol.asyncDispose]() {
      await close();
      if (options.directory === undefined) await rm(directory, { recursive: true, force: true });
    },
  };
}

export type Instance = Awaited<ReturnType<typeof openInstance>>;
