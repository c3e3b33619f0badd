import { fileURLToPath } from 'node:url';
import { runCommand } from '../../support/run-command.ts';
import type { Summary } from './main.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
const PLANT = new URL('../mutants/plant-named.ts', import.meta.url);

export interface SimulateOptions {
  readonly first: number;
  readonly count: number;
  /** The name of a bug that the service then has. */
  readonly mutant?: string;
  /** Stop at the first schedule that breaks this. */
  readonly until?: string;
}

/** Runs schedules in a process of its own. Rejects unless that comes to its end. */
export async function simulate({ first, count, mutant, until }: SimulateOptions): Promise<Summary> {
  const bug = mutant === undefined ? [] : ['--import', `${PLANT.href}?${mutant}`];
  const goal = until === undefined ? [] : ['--until', until];
  const args = [...bug, MAIN, '--first', String(first), '--count', String(count), ...goal];
  const { code, stdout, stderr } = await runCommand(process.execPath, args);
  if (code !== 0) throw new Error(`the simulation ended with ${code}: ${stderr}`);
  return JSON.parse(String(stdout));
}
