import { compileCondition, segmentsOf } from './condition.ts';
import type { Segment } from './model.ts';
import { type Predicate, type Probe, SILENT } from './probe.ts';

/** A segment, ready to be asked for members. */
export interface CompiledSegment {
  readonly key: string;
  readonly segment: Segment;
  readonly version: number;
  /** Segments that it names. */
  readonly references: readonly string[];
  /** Why it cannot be evaluated; undefined for a sound segment. Every flag that asks it answers with an error. */
  readonly problem: string | undefined;
  /** Throws if there is a problem. */
  readonly admits: Predicate;
}

/** Compiles a segment. Never throws. */
export function compileSegment(segment: Segment, version: number, probe: Probe = SILENT): CompiledSegment {
  const { key } = segment;
  try {
    const references = [...new Set(segmentsOf(segment.condition))];
    const admits = compileMembership(segment, probe);
    return { key, segment, version, references, problem: undefined, admits };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    const admits = () => {
      throw new Unevaluable(`segment ${key}: ${problem}`);
    };
    return { key, segment, version, references: [], problem, admits };
  }
}

/** Thrown inside an evaluation when something that it depends on is missing or cannot be evaluated. */
export class Unevaluable extends Error {
  override readonly name = 'Unevaluable';
}

function compileMembership(segment: Segment, probe: Probe): Predicate {
  const included: ReadonlySet<string> = new Set(segment.included);
  const excluded: ReadonlySet<string> = new Set(segment.excluded);
  const matches =
    segment.condition === undefined ? () => false : compileCondition(segment.condition, 'condition', probe);
  const run: Predicate = (evaluation) => {
    const { targetingKey } = evaluation.context;
    if (targetingKey !== '') {
      if (excluded.has(targetingKey)) return false;
      if (included.has(targetingKey)) return true;
    }
    return matches(evaluation);
  };
  const label = {
    kind: 'segment',
    path: `segments/${segment.key}`,
    describe: () => `segment ${segment.key}`,
  } as const;
  return probe(label, run, (held) => held);
}
