import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { natsProgramOrSkip } from '../support/nats-server.ts';
import { EXPOSURE_SCENARIOS } from './exposures/exposure-scenarios.ts';
import { type ExposureScenario, openScene, performIn } from './exposures/exposure-scene.ts';
import { type ExposureWorld, startEmbeddedWorld, startSharedWorld } from './exposures/exposure-world.ts';
import { simulateExposures } from './exposures/simulate-exposures.ts';
import { type Fleet, startFleet } from './fleet/fleet.ts';
import { EXPOSURE_MUTANTS } from './mutants/exposure-mutants.ts';
import { MUTANTS } from './mutants/mutants.ts';
import { SCENARIOS, scenarioNamed } from './scenarios/all.ts';
import { perform } from './scenarios/perform.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { simulate } from './simulation/simulate.ts';

/**
 * The long run of the fault tests: `npm run test:faults -- --help` says how to choose. Ends with 1 if an invariant is
 * broken, and says how to see it again.
 */
const NAMES = [...SCENARIOS.keys(), ...EXPOSURE_SCENARIOS.keys()];
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    only: { type: 'string', default: NAMES.join(',') },
    stretch: { type: 'string', default: '6' },
    minutes: { type: 'string', default: '60' },
    schedules: { type: 'string', default: '400' },
    mutant: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  say(`npm run test:faults -- [options]

  --seed N       the same choices again (they are printed at the start)
  --only A,B     only these scenarios: ${NAMES.join(', ')}
  --stretch N    how many times as long as the short runs in CI (default 6)
  --minutes N    begin no scenario after so long (default 60)
  --schedules N  simulated schedules before the real processes (default 400)
  --mutant M     with this bug in every process, to see it found: ${Object.keys({ ...MUTANTS, ...EXPOSURE_MUTANTS }).join(', ')}`);
  process.exit(0);
}

const seed = Number(values.seed);
/** What the service promises after a partition is healed. */
const CONVERGE_MS = 3_000;
const untilMs = performance.now() + Number(values.minutes) * 60_000;
let failures = 0;
say(`seed ${seed}`);
await simulateSome(Number(values.schedules));
if (Number(values.schedules) > 0) await simulateRecording(Math.ceil(Number(values.schedules) / 4));
const chosen = values.only.split(',');
const ofFleets = chosen.filter((name) => !EXPOSURE_SCENARIOS.has(name)).map(scenarioNamed);
if (ofFleets.length > 0) await performAll(ofFleets);
await performExposures(chosen.flatMap((name) => EXPOSURE_SCENARIOS.get(name) ?? []));
say(failures === 0 ? 'every invariant held' : `${failures} failed`);
process.exit(failures === 0 ? 0 : 1);

async function simulateSome(count: number): Promise<void> {
  const AT_ONCE = 50;
  for (let done = 0; done < count; done += AT_ONCE) {
    const first = (seed % 1_000_000) + done;
    const { broken, schedules, operations } = await simulate({
      first,
      count: Math.min(AT_ONCE, count - done),
    });
    say(`simulated ${schedules} schedules from ${first}: ${operations} operations`);
    for (const [invariant, { message, seed: at }] of Object.entries(broken))
      fail(
        `${invariant} in schedule ${at}: ${message}`,
        `node test/faults/simulation/main.ts --first ${at} --count 1`,
      );
  }
}

async function simulateRecording(count: number): Promise<void> {
  const first = seed % 1_000_000;
  const { broken, stored } = await simulateExposures({ first, count });
  say(`simulated ${count} schedules of recording from ${first}: ${stored} stored`);
  for (const { message, seed: at } of broken)
    fail(
      `I13 in schedule ${at}: ${message}`,
      `node test/faults/exposures/sim-main.ts --first ${at} --count 1`,
    );
}

async function performAll(scenarios: readonly Scenario[]): Promise<void> {
  const natsProgram = natsProgramOrSkip();
  if (natsProgram === undefined) throw new Error('needs nats-server');
  const mongoUri = process.env.VEXIL_TEST_MONGODB_URI ?? startMongo();
  await using fleet = await startFleet({ mongoUri, natsProgram, seed, imports: bugs() });
  for (const scenario of scenarios) {
    if (performance.now() > untilMs) {
      say(`no time left for ${scenario.name} and what comes after it`);
      return;
    }
    await performOne(fleet, scenario);
  }
}

async function performExposures(scenarios: readonly ExposureScenario[]): Promise<void> {
  const natsProgram = natsProgramOrSkip() ?? '';
  const mongoUri = process.env.VEXIL_TEST_MONGODB_URI ?? startMongo();
  const worlds = {
    embedded: () => startEmbeddedWorld(bugs()),
    shared: () => startSharedWorld({ mongoUri, natsProgram }, bugs()),
  };
  for (const [kind, start] of Object.entries(worlds)) {
    const here = scenarios.filter((scenario) => scenario.in.some((where) => where === kind));
    if (here.length > 0) await performExposuresIn(kind, start, here);
  }
}

async function performExposuresIn(
  kind: string,
  start: () => Promise<ExposureWorld>,
  scenarios: readonly ExposureScenario[],
): Promise<void> {
  await using world = await start();
  const scene = await openScene(world);
  for (const scenario of scenarios) {
    const { name, fault } = scenario;
    const replay = `npm run test:faults -- --schedules 0 --stretch ${values.stretch} --only ${name}`;
    const startedAt = performance.now();
    try {
      const { violations, history } = await performIn(scene, scenario, Number(values.stretch));
      const seconds = Math.round((performance.now() - startedAt) / 1_000);
      const stored = history.tables.ledger.reduce((sum, entry) => sum + entry.stored, 0);
      say(
        `${name.padEnd(5)} ${kind}, ${seconds} s, ${history.answered} answered, ${stored} stored: ${fault}`,
      );
      for (const each of scene.measured.splice(0)) say(`      ${each}`);
      for (const { invariant, message } of violations) fail(`${name} ${invariant}: ${message}`, replay);
    } catch (error) {
      fail(`${name}: ${error instanceof Error ? error.stack : error}`, replay);
    }
  }
}

async function performOne(fleet: Fleet, scenario: Scenario): Promise<void> {
  const { name, fault } = scenario;
  const stretch = Number(values.stretch);
  const replay = `npm run test:faults -- --schedules 0 --seed ${seed} --stretch ${stretch} --only ${name}${values.mutant === undefined ? '' : ` --mutant ${values.mutant}`}`;
  const startedAt = performance.now();
  try {
    const { violations, seen, revisions, convergedMs } = await perform(fleet, scenario, {
      ...{ seed, stretch, convergeWithinMs: CONVERGE_MS },
    });
    const seconds = Math.round((performance.now() - startedAt) / 1_000);
    say(
      `${name.padEnd(5)} ${seconds} s, ${revisions} revisions, ${seen.operationsInFaults} writes in faults, ${seen.resumes} resumes, ${seen.evaluations} evaluations, converged in ${Math.round(convergedMs)} ms: ${fault}`,
    );
    for (const { invariant, message } of violations) fail(`${name} ${invariant}: ${message}`, replay);
  } catch (error) {
    fail(`${name}: ${error instanceof Error ? error.stack : error}`, replay);
    await fleet.heal();
  }
}

function bugs(): string[] {
  const plant = new URL('./mutants/plant-named.ts', import.meta.url);
  return values.mutant === undefined ? [] : [`${plant.href}?${values.mutant}`];
}

/** A MongoDB of its own, which stays: nobody knows who else uses it by the end. */
function startMongo(): string {
  const servers = fileURLToPath(new URL('../../.ci/servers', import.meta.url));
  const exports = execFileSync(servers, ['start'], { encoding: 'utf8' });
  const [, uri] = /VEXIL_TEST_MONGODB_URI='([^']+)'/.exec(exports) ?? [];
  if (uri === undefined) throw new Error(`no MongoDB: ${exports}`);
  return uri;
}

function fail(what: string, replay: string): void {
  failures++;
  say(`FAILED ${what}\n       again: ${replay}`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
