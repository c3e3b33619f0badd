import { fileURLToPath } from 'node:url';
import { runCommand } from '../../support/run-command.ts';
import type { ExposureSummary } from './sim-main.ts';

const MAIN = fileURLToPath(new URL('./sim-main.ts', import.meta.url));
const PLANT = new URL('../mutants/plant-named.ts', import.meta.url);

export interface SimulateExposuresOptions {
  readonly first: number;
  readonly count: number;
  /** The name of a bug that the service then has. Stops at the first schedule that breaks something. */
  readonly mutant?: string;
}

/** Runs schedules in a process of its own. Rejects unless that comes to its end. */
export async function simulateExposures(options: SimulateExposuresOptions): Promise<ExposureSummary> {
  const { first, count, mutant } = options;
  const bug = mutant === undefined ? [] : ['--import', `${PLANT.href}?${mutant}`];
  const goal = mutant === undefined ? [] : ['--until'];
  const args = [...bug, MAIN, '--first', String(first), '--count', String(count), ...goal];
  const { code, stdout, stderr } = await runCommand(process.execPath, args);
  if (code !== 0) throw new Error(`the simulation ended with ${code}: ${stderr}`);
  return JSON.parse(String(stdout));
}
