import { compileFlag } from './compile-flag.ts';
import { compileSegment } from './compile-segment.ts';
import type { Context } from './context.ts';
import { Evaluation } from './evaluation.ts';
import type { Outcome } from './outcome.ts';
import type { Meter, Probe, StepKind, StepLabel } from './probe.ts';
import { type Snapshot, updateSnapshot } from './snapshot.ts';

/** One thing that was tried on the way to an outcome, and within it what it was made of. */
export interface TraceStep {
  readonly kind: StepKind;
  /** Where in its flag or segment. */
  readonly path: string;
  readonly description: string;
  readonly outcome: boolean;
  readonly bucket?: number;
  readonly weight?: number;
  readonly steps: readonly TraceStep[];
}

export interface Explanation {
  readonly outcome: Outcome;
  /** In the order in which things were tried. Empty for an unknown flag. */
  readonly steps: readonly TraceStep[];
}

/**
 * The outcome of a flag together with how it came about. The definitions are compiled once more, with a probe that
 * records, so what is traced is what an evaluation does. A prerequisite or segment that is asked for again shows its
 * own steps the first time only.
 */
export function explain(snapshot: Snapshot, flagKey: string, context: Context, nowMs: number): Explanation {
  const recorder = new Recorder();
  const probed = recompile(snapshot, flagKey, recorder.probe);
  const outcome = new Evaluation(probed, context, nowMs, recorder).flag(flagKey);
  return { outcome, steps: recorder.root.flatMap(({ steps }) => steps) };
}

interface OpenStep {
  readonly steps: TraceStep[];
  bucket?: number;
  weight?: number;
}

class Recorder implements Meter {
  readonly root: TraceStep[] = [];
  #open: OpenStep = { steps: this.root };

  readonly probe: Probe = (label, run, held) => (evaluation) => {
    const parent = this.#open;
    const step: OpenStep = { steps: [] };
    this.#open = step;
    let outcome = false;
    try {
      const result = run(evaluation);
      outcome = held(result);
      return result;
    } finally {
      this.#open = parent;
      parent.steps.push(closed(label, outcome, step));
    }
  };

  measured(bucket: number, weight: number | undefined): void {
    if (bucket >= 0) this.#open.bucket = bucket;
    if (weight !== undefined) this.#open.weight = weight;
  }
}

function closed({ kind, path, describe }: StepLabel, outcome: boolean, step: OpenStep): TraceStep {
  return { kind, path, description: describe(), outcome, ...step };
}

/** The snapshot with a flag, and all that it refers to, compiled with the probe. */
function recompile(snapshot: Snapshot, flagKey: string, probe: Probe): Snapshot {
  const flags = reachable([flagKey], (key) => snapshot.flags.get(key)?.references.flags ?? []);
  const seeds = [...flags].flatMap((key) => snapshot.flags.get(key)?.references.segments ?? []);
  const segments = reachable(seeds, (key) => snapshot.segments.get(key)?.references ?? []);
  return updateSnapshot(snapshot, {
    revision: snapshot.revision,
    flags: {
      upserts: sound(flags, snapshot.flags).map((one) => {
        return compileFlag(one.flag, one.settings, one.version, probe);
      }),
    },
    segments: {
      upserts: sound(segments, snapshot.segments).map((one) => {
        return compileSegment(one.segment, one.version, probe);
      }),
    },
  });
}

function reachable(seeds: readonly string[], referencesOf: (key: string) => readonly string[]): Set<string> {
  const found = new Set(seeds);
  // A set that grows while it is walked is walked to its new end.
  for (const key of found) for (const reference of referencesOf(key)) found.add(reference);
  return found;
}

/** Those without a problem: what cannot be compiled stays as it is, and has nothing to be traced. */
function sound<T extends { readonly problem: string | undefined }>(
  keys: ReadonlySet<string>,
  parts: ReadonlyMap<string, T>,
): T[] {
  const found = [...keys].flatMap((key) => parts.get(key) ?? []);
  return found.filter(({ problem }) => problem === undefined);
}
