import type { CompiledFlag } from './compile-flag.ts';
import type { Outcome } from './outcome.ts';

/** The same flag, with a remark in the detail of everything that it answers. */
export function remarkedFlag(flag: CompiledFlag, remark: string): CompiledFlag {
  const made = new WeakMap<Outcome, Outcome>();
  const remarked = (outcome: Outcome): Outcome => {
    const known = made.get(outcome);
    if (known !== undefined) return known;
    const detail = outcome.detail === '' ? remark : `${outcome.detail}; ${remark}`;
    const next = { ...outcome, detail };
    made.set(outcome, next);
    return next;
  };
  const through =
    (stage: CompiledFlag['decide']): CompiledFlag['decide'] =>
    (evaluation) => {
      const outcome = stage(evaluation);
      return outcome && remarked(outcome);
    };
  return {
    ...flag,
    decide: through(flag.decide),
    decideReleased: through(flag.decideReleased),
    fallback: remarked(flag.fallback),
    failed: remarked(flag.failed),
    unreadable: remarked(flag.unreadable),
  };
}
