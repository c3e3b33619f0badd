import type { CompiledFlag } from './compile-flag.ts';
import { Unevaluable } from './compile-segment.ts';
import type { Context } from './context.ts';
import type { Outcome } from './outcome.ts';
import { valueless } from './outcomes.ts';
import type { Meter } from './probe.ts';
import type { CompiledRelease, Snapshot } from './snapshot.ts';

/** Deeper than any sensible limit on chains; only damaged data gets there, and is cut where this depth is reached. */
const MAX_DEPTH = 100;

/**
 * Evaluates flags of one snapshot for one context at one instant. What several flags ask for (the variations of
 * prerequisites, membership in segments) is found out once, so even a dense graph takes linear time; a cycle in
 * damaged data ends as an unmet prerequisite.
 */
export class Evaluation {
  readonly snapshot: Snapshot;
  readonly context: Context;
  readonly nowMs: number;
  /**
   * The earliest instant at which an answer given so far may change although no definition does: epoch milliseconds,
   * Infinity if there is none.
   */
  changesAt = Number.POSITIVE_INFINITY;

  /** Present while a trace is recorded. */
  readonly meter: Meter | undefined;

  readonly #hasReleases: boolean;
  #served: Map<string, Outcome | 'pending'> | undefined;
  #members: Map<string, boolean | 'pending'> | undefined;
  #depth = 0;
  /** A cycle or a chain was cut, so what is remembered holds for this flag's point of view only. */
  #wasCut = false;

  constructor(snapshot: Snapshot, context: Context, nowMs: number, meter?: Meter) {
    this.snapshot = snapshot;
    this.context = context;
    this.nowMs = nowMs;
    this.meter = meter;
    this.#hasReleases = snapshot.releasedFlags.size > 0;
  }

  /** The answer for a flag. Never throws; the same object as long as the flag's definition stays the same. */
  flag(key: string): Outcome {
    const flag = this.snapshot.flags.get(key);
    return flag === undefined ? valueless(key, 'FLAG_NOT_FOUND', '', 0) : this.answer(flag);
  }

  /** The answer for a flag of this snapshot. */
  answer(flag: CompiledFlag): Outcome {
    const outcome = this.#decide(flag);
    if (this.#wasCut) {
      this.#wasCut = false;
      this.#served = undefined;
      this.#members = undefined;
    }
    return outcome;
  }

  /** For compiled definitions: the variation that a flag serves to this context; undefined if it serves none. */
  served(key: string): string | undefined {
    this.#served ??= new Map();
    const known = this.#served.get(key);
    const outcome = known ?? this.#serve(key, this.#served);
    if (outcome === 'pending') this.#wasCut = true;
    return outcome === undefined || outcome === 'pending' || outcome.reason === 'ERROR'
      ? undefined
      : outcome.variation;
  }

  /** For compiled definitions: whether this context is in a segment. Throws if that cannot be said. */
  isMember(key: string): boolean {
    this.#members ??= new Map();
    const known = this.#members.get(key);
    if (typeof known === 'boolean') return known;
    const segment = this.snapshot.segments.get(key);
    if (segment === undefined) throw new Unevaluable(`there is no segment ${key}`);
    if (known === 'pending') throw new Unevaluable(`segment ${key} depends on itself`);
    this.#members.set(key, 'pending');
    const isMember = segment.admits(this);
    this.#members.set(key, isMember);
    return isMember;
  }

  /** For compiled definitions: the active release that the context runs. */
  release(): CompiledRelease | undefined {
    return this.snapshot.releaseOf(this);
  }

  /** For compiled definitions: what they say now may no longer hold at this instant. */
  mayChangeAt(instantMs: number): void {
    if (instantMs < this.changesAt) this.changesAt = instantMs;
  }

  #serve(key: string, served: Map<string, Outcome | 'pending'>): Outcome | undefined {
    const flag = this.snapshot.flags.get(key);
    if (flag === undefined) return undefined;
    if (this.#depth >= MAX_DEPTH) {
      this.#wasCut = true;
      return undefined;
    }
    served.set(key, 'pending');
    this.#depth++;
    try {
      const outcome = this.#decide(flag);
      served.set(key, outcome);
      return outcome;
    } finally {
      this.#depth--;
    }
  }

  #decide(flag: CompiledFlag): Outcome {
    try {
      const outcome =
        this.#hasReleases && this.snapshot.releasedFlags.has(flag.key)
          ? flag.decideReleased(this)
          : flag.decide(this);
      return outcome ?? flag.fallback;
    } catch (error) {
      // Whatever was pending in segments was left on the way out.
      this.#members = undefined;
      return error instanceof Unevaluable ? flag.unreadable : flag.failed;
    }
  }
}

/** Evaluates every flag, in code point order of the keys. Returns the earliest instant at which any answer may change. */
export function evaluateAll(
  snapshot: Snapshot,
  context: Context,
  nowMs: number,
  visit: (outcome: Outcome) => void,
): number {
  const evaluation = new Evaluation(snapshot, context, nowMs);
  for (const flag of snapshot.sortedFlags()) visit(evaluation.answer(flag));
  return evaluation.changesAt;
}
