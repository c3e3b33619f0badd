import { rounds, until } from '../scenarios/scenario.ts';
import type { ExposureParty } from './exposure-party.ts';
import type { ExposureScenario } from './exposure-scene.ts';
import { OUTAGES } from './outage-scenarios.ts';
import { POISON } from './poison-scenarios.ts';

const EVERYWHERE = ['embedded', 'shared'] as const;

async function anyRevived(parties: readonly ExposureParty[]): Promise<boolean> {
  let any = false;
  for (const party of parties) if (await party.revived()) any = true;
  return any;
}

const DEATHS: readonly ExposureScenario[] = [
  {
    name: 'F33',
    fault: 'who writes tables is killed before it stores, after that, and while it buries',
    in: EVERYWHERE,
    async play({ world, traffic, planted }, stretch) {
      await using _calls = traffic.call(4, 'one');
      const { writers, queue } = world;
      await rounds(stretch, async (round) => {
        for (const place of ['store.before', 'store.after'] as const)
          for (const writer of writers) await writer.killAt(place);
        for (const place of ['bury.before', 'bury.after'] as const) {
          const id = `garbage-${round}-${place}`;
          planted.push(id);
          // Whoever gets to it first dies, and the other one buries it.
          for (const writer of writers) writer.arm(place);
          await queue.publish({ id, bytes: Buffer.from('{') });
          await until('one of them is killed', async () => await anyRevived(writers), 60_000);
          for (const writer of writers) writer.disarm();
          // The other one may have got to it meanwhile.
          await anyRevived(writers);
        }
      });
    },
  },
  {
    name: 'F43',
    fault: 'a process that records is killed, again and again',
    in: EVERYWHERE,
    async play({ world, traffic }, stretch) {
      await using _calls = traffic.call(4, 'one');
      await rounds(2 * stretch, async () => {
        const before = traffic.seen.answered;
        await until('more was answered', () => traffic.seen.answered > before + 30);
        await world.recorder.killAndStart();
      });
    },
  },
];

/** Every scenario by its name, as docs/faults.md lists them. */
export const EXPOSURE_SCENARIOS: ReadonlyMap<string, ExposureScenario> = new Map(
  [...DEATHS, ...OUTAGES, ...POISON].map((scenario) => [scenario.name, scenario]),
);
