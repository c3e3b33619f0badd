import type { Clock } from '../../ports/clock.ts';

/** Hears of what is wrong but stops nothing. Must not throw. */
export type Report = (problem: string, details: Readonly<Record<string, unknown>>) => void;

const PAUSE_MS = 10_000;

/** Reports a problem at once, and then at most every ten seconds, with how `often` it occurred since the last time. */
export function quietReport(report: Report, clock: Clock): Report {
  const told = new Map<string, { at: number; often: number }>();
  return (problem, details) => {
    const now = clock.monotonic();
    const last = told.get(problem);
    if (last !== undefined && now - last.at < PAUSE_MS) {
      last.often++;
      return;
    }
    told.set(problem, { at: now, often: 0 });
    report(problem, { ...details, often: (last?.often ?? 0) + 1 });
  };
}
