import { attributeReader } from './attribute.ts';
import { compileClause, toTime } from './clause.ts';
import { describeClause, describeGate, describeGroup, describeSegments } from './describe.ts';
import type { Condition, ReleaseGate } from './model.ts';
import type { Predicate, Probe, StepKind } from './probe.ts';
import { DAY_MS } from './time.ts';

/**
 * A condition as a predicate. An empty `all` holds for everybody, an empty `any` for nobody. Throws for a kind that
 * this build does not know, so that such a condition never holds by accident.
 */
export function compileCondition(condition: Condition, path: string, probe: Probe): Predicate {
  const step = (kind: StepKind, describe: () => string, run: Predicate): Predicate =>
    probe({ kind, path, describe }, run, (held) => held);
  switch (condition.kind) {
    case 'all':
      return step('condition', () => describeGroup(condition), all(compileEach(condition, path, probe)));
    case 'any':
      return step('condition', () => describeGroup(condition), any(compileEach(condition, path, probe)));
    case 'not': {
      const child = compileCondition(condition.condition, `${path}.not`, probe);
      return step(
        'condition',
        () => describeGroup(condition),
        (evaluation) => !child(evaluation),
      );
    }
    case 'clause':
      return step('clause', () => describeClause(condition), compileClause(condition));
    case 'segment': {
      const { segments, negate } = condition;
      const isIn = any(
        segments.map(
          (key): Predicate =>
            (evaluation) =>
              evaluation.isMember(key),
        ),
      );
      return step(
        'clause',
        () => describeSegments(condition),
        negate ? (evaluation) => !isIn(evaluation) : isIn,
      );
    }
    case 'release':
      return step('clause', () => describeGate(condition.gate), compileGate(condition.gate));
    default:
      throw new Error(
        `unknown kind of condition ${JSON.stringify((condition satisfies never as Condition).kind)}`,
      );
  }
}

/** Every segment that a condition names. */
export function segmentsOf(condition: Condition | undefined): readonly string[] {
  switch (condition?.kind) {
    case 'all':
    case 'any':
      return condition.conditions.flatMap(segmentsOf);
    case 'not':
      return segmentsOf(condition.condition);
    case 'segment':
      return condition.segments;
    default:
      return [];
  }
}

/** Whether a condition holds, or fails, for every context there can be; undefined if that depends on the context. */
export function constantOf(condition: Condition | undefined): boolean | undefined {
  switch (condition?.kind) {
    case undefined:
      return true;
    case 'all': {
      const parts = condition.conditions.map(constantOf);
      return parts.includes(false) ? false : parts.includes(undefined) ? undefined : true;
    }
    case 'any': {
      const parts = condition.conditions.map(constantOf);
      return parts.includes(true) ? true : parts.includes(undefined) ? undefined : false;
    }
    case 'not': {
      const part = constantOf(condition.condition);
      return part === undefined ? undefined : !part;
    }
    default:
      return undefined;
  }
}

function compileEach(group: Condition & { kind: 'all' | 'any' }, path: string, probe: Probe): Predicate[] {
  return group.conditions.map((child, index) =>
    compileCondition(child, `${path}.${group.kind}[${index}]`, probe),
  );
}

function all(predicates: readonly Predicate[]): Predicate {
  const [only] = predicates;
  if (only !== undefined && predicates.length === 1) return only;
  return (evaluation) => {
    for (const holds of predicates) if (!holds(evaluation)) return false;
    return true;
  };
}

function any(predicates: readonly Predicate[]): Predicate {
  const [only] = predicates;
  if (only !== undefined && predicates.length === 1) return only;
  return (evaluation) => {
    for (const holds of predicates) if (holds(evaluation)) return true;
    return false;
  };
}

function compileGate(gate: ReleaseGate): Predicate {
  switch (gate.kind) {
    case 'runtime_version':
      return compileClause({
        kind: 'clause',
        attribute: 'device.runtimeVersion',
        operator: `semver_${gate.operator}`,
        values: [gate.version],
      });
    case 'branch':
      return compileClause({
        kind: 'clause',
        attribute: 'device.branch',
        operator: 'eq',
        values: [gate.branch],
      });
    case 'updated_within':
      return updatedWithin(gate.days * DAY_MS);
    default:
      throw new Error(`unknown kind of gate ${JSON.stringify((gate satisfies never as ReleaseGate).kind)}`);
  }
}

/** Holds through the last millisecond of the time span. A device whose clock is ahead is within it. */
function updatedWithin(spanMs: number): Predicate {
  if (!Number.isFinite(spanMs)) throw new Error('a gate needs a number of days');
  const read = attributeReader('device.updatedAt');
  return (evaluation) => {
    const updatedMs = toTime(read(evaluation));
    if (updatedMs === undefined) return false;
    const lastMs = Math.floor(updatedMs + spanMs);
    if (evaluation.nowMs > lastMs) return false;
    evaluation.mayChangeAt(lastMs + 1);
    return true;
  };
}
