import type { FlagSettings, Instant, Rule } from '../../core/model.ts';
import { halted } from '../../core/scheduled-action.ts';
import type { Plan } from '../writer.ts';
import type { Verdict } from './judge.ts';
import { type Post, postsOf, stageOf } from './posts.ts';

/** What a guard does. */
export type Move = Exclude<Verdict, { kind: 'wait' }>;

/** Does nothing if the rule is not where it was when it was judged, whatever became of it. */
export function planOf(post: Post, move: Move): Plan {
  const { environment, flag } = post;
  return (state, now) => {
    const settings = state.settings.get(environment)?.get(flag)?.state;
    const posts = settings === undefined ? [] : postsOf(state, environment, settings);
    const current = posts.find((each) => stageOf(each) === stageOf(post));
    if (settings === undefined || current === undefined) return { operations: [] };
    const next = { ...moved(settings, current.rule, move, now), updatedAt: now };
    return { operations: [{ op: 'put', object: { kind: 'settings', environment, state: next } }] };
  };
}

function moved(settings: FlagSettings, rule: Rule, move: Move, now: Instant): FlagSettings {
  const status = move.kind === 'forward' ? ('watching' as const) : ('resting' as const);
  const guardState = { status, since: now, note: move.why };
  const rolled = move.kind === 'halt' ? rule : withWeight(rule, move.weight);
  const rules = settings.rules.map((each) => (each.id === rule.id ? { ...rolled, guardState } : each));
  const next = { ...settings, rules };
  return move.kind === 'halt' ? halted(next, 'guard', move.why, now) : next;
}

/** Without its ramp: one that has not begun yet would let everybody in again later. */
function withWeight({ ramp, ...rule }: Rule, weight: number): Rule {
  return { ...rule, rollout: { ...rule.rollout, weight } };
}
