import type { RecordedEvaluation, Step } from '../../ports/exposure-store.ts';
import type { KnownAnswer } from './exposure-names.ts';
import type { Database } from './open-database.ts';

const STEP_MS: Readonly<Record<Step, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };
export const STEPS: readonly Step[] = ['minute', 'hour', 'day'];

/** The table that a step has its sums in. */
export function tableOf(step: Step): string {
  return `${step}s`;
}

export function stepMs(step: Step): number {
  return STEP_MS[step];
}

interface Sum {
  readonly answer: KnownAnswer;
  readonly at: number;
  count: number;
  estimate: number;
}

/** What one batch adds, by step of one length. */
type Sums = Map<string, Sum>;

export interface ExposureSums {
  /**
   * Adds what a batch counts to what is there. Only in the transaction that adds the batch to those that are known: what
   * tells that a batch came before also keeps it from being counted twice.
   */
  add(counted: readonly (readonly [RecordedEvaluation, KnownAnswer])[]): void;
}

export function exposureSums(database: Database): ExposureSums {
  const upserts = STEPS.map((step) =>
    database.prepare(
      `INSERT INTO ${tableOf(step)} VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
       SET count = count + excluded.count, estimate = estimate + excluded.estimate`,
    ),
  );
  const evaluated = database.prepare(
    'UPDATE flags SET last_at = ?2 WHERE id = ?1 AND (last_at IS NULL OR last_at < ?2)',
  );

  return {
    add(counted) {
      const lastAt = new Map<number, number>();
      for (const [{ time }, { flag }] of counted) if (time > (lastAt.get(flag) ?? -1)) lastAt.set(flag, time);
      for (const [flag, time] of lastAt) evaluated.run(flag, time);
      for (const [index, step] of STEPS.entries())
        for (const { answer, at, count, estimate } of sumsBy(step, counted).values())
          upserts[index]?.run(answer.flag, at, answer.variation, answer.reason, count, estimate);
    },
  };
}

function sumsBy(step: Step, counted: readonly (readonly [RecordedEvaluation, KnownAnswer])[]): Sums {
  const sums: Sums = new Map();
  for (const [{ time, count, weight }, answer] of counted) {
    const at = time - (time % STEP_MS[step]);
    const key = `${answer.id} ${at}`;
    const sum = sums.get(key);
    if (sum === undefined) sums.set(key, { answer, at, count, estimate: count * weight });
    else {
      sum.count += count;
      sum.estimate += count * weight;
    }
  }
  return sums;
}
