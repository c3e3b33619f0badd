import { bucketingReader } from './attribute.ts';
import { bucketer } from './buckets.ts';
import type { HashAlgorithm, Ramp, Rollout } from './model.ts';
import { WHOLE } from './model.ts';
import type { Closure, Probe } from './probe.ts';
import { type CompiledRamp, checked, compileRamp } from './ramp.ts';

/** How a flag turns a context into buckets. */
export interface Bucketing {
  readonly hash: HashAlgorithm;
  readonly bucketBy: string | undefined;
  readonly salt: string;
}

/** Where a rollout leaves a context. `keyless`: it depends on a bucketing value, and there is none. */
export type Standing = 'everybody' | 'included' | 'excluded' | 'keyless';

/** The bucket of a context, or -1 without a bucketing value. */
export function compileBucket(bucketing: Bucketing, salt: string, probe: Probe): Closure<number> {
  const read = bucketingReader(bucketing.bucketBy);
  const toBucket = bucketer(bucketing.hash, salt);
  return probe.measure('bucket', (evaluation) => {
    const value = read(evaluation);
    return value === '' ? -1 : toBucket(value);
  });
}

/** A rule's rollout, with its ramp if it has one; undefined if it lets everybody in at all times. */
export function compileRollout(
  rollout: Rollout | undefined,
  ramp: Ramp | undefined,
  bucketing: Bucketing,
  ruleId: string,
  probe: Probe,
): Closure<Standing> | undefined {
  const ownWeight = rollout === undefined ? undefined : checked(rollout.weight);
  if (ramp === undefined && (ownWeight === undefined || ownWeight === WHOLE)) return undefined;
  const bucketOf = compileBucket(bucketing, rollout?.salt || `${bucketing.salt}:${ruleId}`, probe);
  return ramp === undefined
    ? fixedRollout(ownWeight ?? WHOLE, bucketOf, probe)
    : rampedRollout(compileRamp(ramp, ownWeight), bucketOf, probe);
}

function fixedRollout(weight: number, bucketOf: Closure<number>, probe: Probe): Closure<Standing> {
  const weightOf = probe.measure('weight', () => weight);
  if (weight === 0) return (evaluation) => standing(weightOf(evaluation), -1);
  return (evaluation) => standing(weightOf(evaluation), bucketOf(evaluation));
}

function rampedRollout(ramp: CompiledRamp, bucketOf: Closure<number>, probe: Probe): Closure<Standing> {
  const weightOf = probe.measure('weight', (evaluation) => ramp.weightAt(evaluation.nowMs));
  return (evaluation) => {
    const { nowMs } = evaluation;
    const weight = weightOf(evaluation);
    const isOver = nowMs >= ramp.endMs;
    if (isOver && (weight === 0 || weight === WHOLE)) return standing(weight, -1);
    const bucket = bucketOf(evaluation);
    const now = standing(weight, bucket);
    if (!isOver) {
      evaluation.mayChangeAt(ramp.firstChange(nowMs, (later) => standing(later, bucket) !== now));
    }
    return now;
  };
}

function standing(weight: number, bucket: number): Standing {
  if (weight === 0) return 'excluded';
  if (weight === WHOLE) return 'everybody';
  if (bucket < 0) return 'keyless';
  return bucket < weight ? 'included' : 'excluded';
}
