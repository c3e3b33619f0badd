import { type CompiledFlag, compileFlag } from '../../core/compile-flag.ts';
import { FlagError, invalid, type Violation } from '../../core/errors.ts';
import type { Limits } from '../../core/limits.ts';
import { type Flag, type FlagSettings, initialSettings, type Rule } from '../../core/model.ts';
import { contentViolations } from '../check-content.ts';
import { applyOperations, type ProjectState } from '../project-state.ts';

/** No flag has this key, so no release sets it. */
const DRAFT = 'draft rule';
const IN = 'in';
const OUT = 'out';

/** A rule that nobody has saved, as a flag that tells whom it would decide about. */
export interface DraftRule {
  readonly compiled: CompiledFlag;
  readonly rule: Rule;
  readonly bucketBy: string | undefined;
  /** By the variation of an outcome. */
  matches(variation: string): boolean;
}

/**
 * Takes from these settings, if there are any, what buckets are made of. Throws `invalid` or `exhausted` about the rule
 * as a change would that adds it.
 */
export function draftRule(
  state: ProjectState,
  environment: string,
  rule: Rule,
  of: FlagSettings | undefined,
  limits: Limits,
): DraftRule {
  const alone: Rule = {
    ...{ id: rule.id || 'draft', name: '', priority: 1, recordExposures: false },
    ...(rule.condition && { condition: rule.condition }),
    ...(rule.rollout && { rollout: rule.rollout }),
    ...(rule.ramp && { ramp: rule.ramp }),
    serve: { kind: 'variation', variation: IN },
  };
  const settings: FlagSettings = {
    ...initialSettings(DRAFT),
    ...{ enabled: true, rules: [alone], hash: of?.hash ?? 'murmur3', salt: of?.salt || (of?.flag ?? DRAFT) },
    ...(of?.bucketBy !== undefined && { bucketBy: of.bucketBy }),
  };
  const flag = flagFor(state.time);
  check(state, environment, flag, settings, limits);
  const compiled = compileFlag(flag, settings, 0);
  return { compiled, rule: alone, bucketBy: of?.bucketBy, matches: (variation) => variation === IN };
}

function flagFor(createdAt: string): Flag {
  return {
    ...{ key: DRAFT, name: '', description: '', tags: [], owner: '', type: 'boolean', status: 'active' },
    variations: [
      { key: IN, value: true },
      { key: OUT, value: false },
    ],
    ...{ defaultVariation: OUT, clientVisible: false, temporary: false, createdAt, updatedAt: createdAt },
  };
}

function check(
  state: ProjectState,
  environment: string,
  flag: Flag,
  settings: FlagSettings,
  limits: Limits,
): void {
  const object = { kind: 'settings', environment, state: settings } as const;
  const puts = [
    { op: 'put', object: { kind: 'flag', state: flag } },
    { op: 'put', object },
  ] as const;
  const after = applyOperations(state, puts, state.revision);
  const violations = contentViolations(state, after, object, limits).map(aboutRule);
  if (violations.some(({ limit }) => limit !== undefined))
    throw new FlagError('exhausted', invalid(violations).message, { reason: 'LIMIT_EXCEEDED', violations });
  if (violations.length > 0) throw invalid(violations);
}

function aboutRule(violation: Violation): Violation {
  return { ...violation, path: violation.path.replace(/^settings\.rules\[0\]/, 'rule') };
}
