import { type Salted, salted } from './buckets.ts';
import type { HashAlgorithm, Rule } from './model.ts';
import { WHOLE } from './model.ts';
import type { Closure } from './probe.ts';
import { type CompiledRamp, checked, compileRamp } from './ramp.ts';

/** How a flag turns a context into buckets. */
export interface Bucketing {
  readonly hash: HashAlgorithm;
  /** Empty when there is nothing to compute a bucket from. */
  readonly read: Closure<string>;
  readonly salt: string;
}

/** Where a rollout leaves a context. `keyless`: it depends on a bucketing value, and there is none. */
export type Standing = 'everybody' | 'included' | 'excluded' | 'keyless';

/** A rule's rollout, with its ramp if it has one; undefined if it lets everybody in at all times. */
export function compileRollout(rule: Rule, bucketing: Bucketing): Closure<Standing> | undefined {
  const { ramp, rollout } = rule;
  const ownWeight = rollout === undefined ? undefined : checked(rollout.weight);
  const gate = salted(bucketing.hash, rollout?.salt || `${bucketing.salt}:${rule.id}`);
  if (ramp !== undefined) return rampedRollout(compileRamp(ramp, ownWeight), bucketing.read, gate);
  return ownWeight === undefined || ownWeight === WHOLE
    ? undefined
    : fixedRollout(ownWeight, bucketing.read, gate);
}

/** The bucket of a context, or -1 without a bucketing value. */
export function compileBucket(bucketing: Bucketing): Closure<number> {
  const { read } = bucketing;
  const hash = salted(bucketing.hash, bucketing.salt);
  return (evaluation) => {
    const value = read(evaluation);
    return value === '' ? -1 : evaluation.bucketOf(hash, value);
  };
}

function fixedRollout(weight: number, read: Closure<string>, gate: Salted): Closure<Standing> {
  return (evaluation) => {
    const value = weight === 0 ? '' : read(evaluation);
    const bucket = value === '' ? -1 : evaluation.bucketOf(gate, value);
    evaluation.meter?.measured(bucket, weight);
    return standing(weight, bucket);
  };
}

function rampedRollout(ramp: CompiledRamp, read: Closure<string>, gate: Salted): Closure<Standing> {
  return (evaluation) => {
    const { nowMs } = evaluation;
    const weight = ramp.weightAt(nowMs);
    const isOver = nowMs >= ramp.endMs;
    const isNeeded = !isOver || (weight > 0 && weight < WHOLE);
    const value = isNeeded ? read(evaluation) : '';
    const bucket = value === '' ? -1 : evaluation.bucketOf(gate, value);
    evaluation.meter?.measured(bucket, weight);
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
