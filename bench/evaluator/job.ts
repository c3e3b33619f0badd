import { isolate } from '../lib/isolate.ts';
import type { Timing } from '../lib/measure.ts';
import { type Summary, summarize } from '../lib/summary.ts';

/** One library with one scenario. */
export interface Entry {
  readonly contender: string;
  readonly scenario: string;
}

/** What a worker process is asked to do. */
export type Job = Entry &
  ({ readonly kind: 'time'; readonly timing: Timing } | { readonly kind: 'answers'; readonly users: number });

/** Without the part that was asked for if the library has nothing like the scenario. */
export interface JobResult {
  /** Nanoseconds per evaluation. */
  readonly ns?: number;
  /** For each of the first users, which of the flags that are asked for are on. */
  readonly answers?: readonly (readonly boolean[])[];
}

const WORKER = new URL('worker.ts', import.meta.url);

/** Runs one job in a fresh process. */
export function run(job: Job): Promise<JobResult> {
  return isolate<JobResult>(WORKER, job);
}

/** How often things are measured, and for how long. */
export interface Plan {
  readonly rounds: number;
  readonly timing: Timing;
}

/**
 * Nanoseconds per evaluation of each entry. All entries are measured in turn, and that several times over, each time in
 * a fresh process: whatever disturbs the machine for a while falls on all of them, and one process's luck with its
 * compiler is one value of several.
 */
export async function interleave(
  entries: readonly Entry[],
  { rounds, timing }: Plan,
): Promise<ReadonlyMap<Entry, Summary>> {
  const values = new Map(entries.map((entry): [Entry, number[]] => [entry, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [entry, list] of values) {
      const { ns } = await run({ ...entry, kind: 'time', timing });
      if (ns === undefined) throw new Error(`${entry.contender} has nothing like ${entry.scenario}`);
      list.push(ns);
    }
  }
  return new Map([...values].map(([entry, list]) => [entry, summarize(list)]));
}
