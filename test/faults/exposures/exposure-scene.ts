import type { LossReason } from '../../../src/ports/exposure-store.ts';
import type { Violation } from '../checks/check.ts';
import { until } from '../scenarios/scenario.ts';
import { type ExposureHistory, type RecordedRun, readTables } from './exposure-history.ts';
import { openTraffic, PROJECT, type Traffic } from './exposure-traffic.ts';
import type { ExposureWorld } from './exposure-world.ts';
import { checkAccounts } from './i13-accounted.ts';

/** A world with traffic in it, and what scenarios put into its queue themselves. */
export interface ExposureScene {
  readonly world: ExposureWorld;
  readonly traffic: Traffic;
  /** Names of parcels that nobody can read. */
  readonly planted: string[];
  /** Processes that a scenario made up. */
  readonly strangers: RecordedRun[];
  /** For which reasons something may be lost from now on. */
  readonly mayLose: Set<LossReason>;
  /** What was measured, for whoever looks at it. */
  readonly measured: string[];
}

/** Something bad that can happen on the way from an evaluation to the tables. */
export interface ExposureScenario {
  /** As docs/faults.md lists them. */
  readonly name: string;
  readonly fault: string;
  /** Where it can happen. */
  readonly in: readonly ('embedded' | 'shared')[];
  /** `stretch` is 1 for a short run, and more for longer ones. Throws if something is not as it should be. */
  play(scene: ExposureScene, stretch: number): Promise<void>;
}

const PLACE = { project: PROJECT, environment: 'production' };
const FLOODED = { project: PROJECT, environment: 'staging' };
const SETTLE_MS = 60_000;

export async function openScene(world: ExposureWorld): Promise<ExposureScene> {
  const traffic = await openTraffic(world);
  return { world, traffic, planted: [], strangers: [], mayLose: new Set(), measured: [] };
}

/** Plays a scenario, has everything come to rest, and checks all that there is by then, of earlier ones too. */
export async function performIn(
  scene: ExposureScene,
  scenario: ExposureScenario,
  stretch: number,
): Promise<{ readonly history: ExposureHistory; readonly violations: readonly Violation[] }> {
  const before = scene.traffic.seen.answered;
  try {
    await scenario.play(scene, stretch);
  } finally {
    await heal(scene.world);
  }
  await settled(scene.world);
  const history = await historyOf(scene);
  const answered = scene.traffic.seen.answered - before;
  const meant: Violation[] =
    answered > 0 ? [] : [{ invariant: 'I16', message: 'nobody was answered anything' }];
  return { history, violations: [...checkAccounts(history), ...meant] };
}

function partiesOf({ recorder, writers }: ExposureWorld) {
  return new Set([recorder, ...writers]);
}

async function heal(world: ExposureWorld): Promise<void> {
  for (const party of partiesOf(world)) party.disarm();
  for (const party of partiesOf(world)) await party.revived();
}

/** Everything that was recorded is in the tables, as far as it ever will be. */
async function settled(world: ExposureWorld): Promise<void> {
  const isBooked = () => [...partiesOf(world)].every((party) => party.isSettled());
  let before = '';
  await until(
    'everything has come to rest',
    async () => {
      const now = await restlessness(world);
      const isSame = now === before;
      before = now;
      if (!isSame) await new Promise((resume) => setTimeout(resume, A_TICK_MS));
      return isSame && now.endsWith(' 0 0') && isBooked();
    },
    SETTLE_MS,
  );
}

/** What a process has answered comes into its books at its next tick. */
const A_TICK_MS = 500;

async function restlessness({ recorder, queue }: ExposureWorld): Promise<string> {
  const accepted = await recorder.metric('vexil_exposures_accepted_total');
  const buffer = await recorder.metric('vexil_exposures_buffer');
  const waiting = (await queue.state().catch(() => undefined))?.waiting;
  return `${accepted} ${buffer} ${waiting}`;
}

/** What is answered between two notes of a killed process, at the most. */
const UNNOTED = 5_000;

async function historyOf(scene: ExposureScene): Promise<ExposureHistory> {
  const { world, traffic, planted, strangers, mayLose } = scene;
  const runs = [...strangers];
  for (const party of partiesOf(world)) runs.push(...(await party.runs()));
  const isKilled = runs.some(({ killedAt }) => killedAt !== undefined);
  return {
    ...{ runs, planted, mayLose: [...mayLose] },
    acknowledged: traffic.seen.acknowledged,
    answered: traffic.seen.answered,
    unnoted: isKilled ? UNNOTED : 0,
    tables: await readTables(world.store, PLACE, (await world.queue.state()).waiting, FLOODED),
  };
}
