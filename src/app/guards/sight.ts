import type { Clock } from '../../ports/clock.ts';
import type { ExposureStore, Period, VariationOutcome } from '../../ports/exposure-store.ts';
import { type Fared, isDecidable, judge, type Verdict } from './judge.ts';
import type { Post } from './posts.ts';

/** Of a window, the first and the last part must be in the tables; at least and at most so much of the last one. */
const PARTS_OF_WINDOW = 10;
const FRESHEST_MS = 5_000;
const STALEST_MS = 60_000;
const NOBODY = { hits: 0, total: 0 };

export interface SightParts {
  readonly clock: Clock;
  readonly store: Pick<ExposureStore, 'outcomes'>;
  /** The time by which a window has to be over, too, where replicas do not share a clock. Default: the clock's. */
  readonly sharedNow?: (() => Promise<number>) | undefined;
}

/** What is to be done about how people fare at a post. Rejects with `unavailable` if nobody can see that. */
export async function verdictOn(post: Post, parts: SightParts): Promise<Verdict> {
  const { guard, rule, since, defaultVariation } = post;
  const nowMs = parts.clock.now();
  const elapsedMs = Math.max(0, nowMs - Date.parse(since));
  const period = { from: nowMs - Math.min(elapsedMs, guard.windowSeconds * 1_000), to: nowMs + 1 };
  const served = (await outcomesIn(post, parts, period, rule.id))
    .filter(({ variation }) => variation !== '')
    .map(fared);
  if (!isDecidable(guard, served)) return { kind: 'wait' };
  const seen = { served, base: NOBODY, elapsedMs, nowMs };
  // Those with the default variation do not decide then, and are only of interest to who reads why.
  if (guard.relativeRegression === undefined && judge(rule, guard, seen).kind === 'wait')
    return { kind: 'wait' };
  const all = await outcomesIn(post, parts, period);
  const base = all.find(({ variation }) => variation === defaultVariation);
  const verdict = judge(rule, guard, { ...seen, base: base === undefined ? NOBODY : fared(base) });
  if (verdict.kind === 'forward' && !(await sawTheWindow(post, parts, nowMs))) return { kind: 'wait' };
  return verdict;
}

/**
 * Whether the window is over by every clock, and what happened in it is in the tables: what was recorded lately may still
 * be on its way, and of its beginning there is nothing if nobody was served then.
 */
async function sawTheWindow(post: Post, parts: SightParts, nowMs: number): Promise<boolean> {
  const { guard, rule, since } = post;
  const windowMs = guard.windowSeconds * 1_000;
  if (parts.sharedNow !== undefined && (await parts.sharedNow()) - Date.parse(since) < windowMs) return false;
  const partMs = Math.max(windowMs / PARTS_OF_WINDOW, FRESHEST_MS);
  const start = nowMs - windowMs;
  const first = { from: start, to: start + partMs };
  const last = { from: nowMs - Math.min(partMs, STALEST_MS), to: nowMs + 1 };
  for (const period of [first, last])
    if ((await outcomesIn(post, parts, period, rule.id)).length === 0) return false;
  return true;
}

function outcomesIn(
  { project, environment, flag, guard }: Post,
  { store }: SightParts,
  period: Period,
  ruleId?: string,
): Promise<readonly VariationOutcome[]> {
  const about = guard.event === '' ? { kinds: ['error', 'crash'] as const } : { event: guard.event };
  const query = { flag, ...about, ...period, ...(ruleId !== undefined && { ruleId }) };
  return store.outcomes({ project, environment }, query);
}

function fared({ variation, subjects, affected }: VariationOutcome): Fared {
  return { variation, hits: affected, total: subjects };
}
