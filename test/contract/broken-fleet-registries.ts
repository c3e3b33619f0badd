import { createInProcessFleet } from '../../src/adapters/in-process/in-process-fleet.ts';
import { systemClock } from '../../src/adapters/in-process/system-clock.ts';
import type { FleetRegistry, Member, ReplicaReport } from '../../src/ports/fleet-registry.ts';
import type { SeededBug } from './contract.ts';

/** Alters what `members` shows. */
function showing(
  registry: FleetRegistry,
  alter: (members: readonly Member[]) => readonly Member[],
): FleetRegistry {
  return { ...registry, members: async () => alter(await registry.members()) };
}

/** Alters what is reported. */
function reporting(
  registry: FleetRegistry,
  alter: (report: ReplicaReport) => ReplicaReport | undefined,
): FleetRegistry {
  return {
    ...registry,
    async report(report) {
      const altered = alter(report);
      if (altered !== undefined) await registry.report(altered);
    },
  };
}

/** Each with one mistake. */
export const brokenFleetRegistries: readonly SeededBug<FleetRegistry>[] = [
  {
    bug: 'shows its own replica only',
    foundBy: 'shows a report to every handle, its own included',
    wrap: () => createInProcessFleet(systemClock).connect(),
  },
  {
    bug: 'does not show its own replica',
    foundBy: 'shows a report to every handle, its own included',
    wrap(registry) {
      const own = new Set<string>();
      const noting = reporting(registry, (report) => {
        own.add(report.id);
        return report;
      });
      return showing(noting, (members) => members.filter(({ report }) => !own.has(report.id)));
    },
  },
  {
    bug: 'keeps positions in a plain object',
    foundBy: 'shows a report as it is, to the last code point',
    wrap: (registry) =>
      reporting(registry, (report) => {
        const applied: Record<string, number> = {};
        for (const [project, revision] of report.applied) applied[project] = revision;
        return { ...report, applied: new Map(Object.entries(applied)) };
      }),
  },
  {
    bug: 'lets a late report take the place of a newer one',
    foundBy: 'shows the latest report of a replica, and never an earlier one again',
    wrap(registry) {
      const given = new Map<string, number>();
      const renumbered = reporting(registry, (report) => {
        given.set(report.id, report.sequence);
        return { ...report, sequence: performance.now() };
      });
      return showing(renumbered, (members) =>
        members.map((member) => ({
          ...member,
          report: { ...member.report, sequence: given.get(member.report.id) ?? member.report.sequence },
        })),
      );
    },
  },
  {
    bug: 'shows what the first report of a replica was',
    foundBy: 'shows the latest report of a replica, and never an earlier one again',
    wrap: (registry) => reporting(registry, (report) => (report.sequence > 1 ? undefined : report)),
  },
  {
    bug: 'shows what has come since it was opened',
    foundBy: 'shows what was reported before a handle was opened',
    wrap(registry) {
      const before = registry.members();
      return {
        ...registry,
        async members() {
          const known = new Set((await before).map(({ report }) => report.id));
          return (await registry.members()).filter(({ report }) => !known.has(report.id));
        },
      };
    },
  },
  {
    bug: 'makes every age zero',
    foundBy: 'shows the age of a report, and a silent replica for as long as it counts as live',
    wrap: (registry) => showing(registry, (members) => members.map((member) => ({ ...member, ageMs: 0 }))),
  },
  {
    bug: 'shows dead replicas for ever',
    foundBy: 'shows the age of a report, and a silent replica for as long as it counts as live',
    wrap(registry) {
      const seen = new Map<string, Member>();
      return showing(registry, (members) => {
        for (const member of members) seen.set(member.report.id, member);
        return [...seen.values()];
      });
    },
  },
  {
    bug: 'takes a silent replica for dead once and for all',
    foundBy: 'shows a replica again that reports after it was silent for too long',
    wrap(registry) {
      const seen = new Set<string>();
      const dead = new Set<string>();
      return showing(registry, (members) => {
        const ids = new Set(members.map(({ report }) => report.id));
        for (const id of seen) if (!ids.has(id)) dead.add(id);
        for (const id of ids) seen.add(id);
        return members.filter(({ report }) => !dead.has(report.id));
      });
    },
  },
  {
    bug: 'waits for a replica that has left to be forgotten',
    foundBy: 'does not show a replica that has left',
    wrap: (registry) => ({ ...registry, leave: async () => {} }),
  },
  {
    bug: 'calls listeners that have gone',
    foundBy: 'does not call a listener that has gone',
    wrap: (registry) => ({
      ...registry,
      subscribe(listener) {
        registry.subscribe(listener);
        return { [Symbol.dispose]() {} };
      },
    }),
  },
  {
    bug: 'takes its replica with it when it is disposed',
    foundBy: 'is unavailable once it is disposed, and shows others what it reported',
    wrap(registry) {
      const own = new Set<string>();
      return {
        ...reporting(registry, (report) => {
          own.add(report.id);
          return report;
        }),
        async [Symbol.asyncDispose]() {
          for (const id of own) await registry.leave(id);
          await registry[Symbol.asyncDispose]();
        },
      };
    },
  },
  {
    bug: 'goes on once it is disposed',
    foundBy: 'is unavailable once it is disposed, and shows others what it reported',
    wrap: (registry) => ({ ...registry, async [Symbol.asyncDispose]() {} }),
  },
];
