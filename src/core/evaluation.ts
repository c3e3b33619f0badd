import { bucketOf, packedBucketOf, type Salted } from './buckets.ts';
import type { CompiledFlag } from './compile-flag.ts';
import { Unevaluable } from './compile-segment.ts';
import type { Context } from './context.ts';
import type { Outcome } from './outcome.ts';
import { valueless } from './outcomes.ts';
import { type PackedText, packText } from './packed-text.ts';
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
  /** Present while a trace is recorded. */
  readonly meter: Meter | undefined;
  /** Made when there is something to remember: most evaluations of one flag have nothing. */
  #memory: Memory | undefined;

  constructor(snapshot: Snapshot, context: Context, nowMs: number, meter?: Meter) {
    this.snapshot = snapshot;
    this.context = context;
    this.nowMs = nowMs;
    this.meter = meter;
    this.#memory = undefined;
  }

  /** For many flags at once: cuts what they compute buckets from into the blocks of their hash once for all. */
  static ofMany(snapshot: Snapshot, context: Context, nowMs: number): Evaluation {
    const evaluation = new Evaluation(snapshot, context, nowMs);
    evaluation.#memory = new Memory();
    return evaluation;
  }

  /**
   * The earliest instant at which an answer given so far may change although no definition does: epoch milliseconds,
   * Infinity if there is none.
   */
  get changesAt(): number {
    return this.#memory?.changesAt ?? Number.POSITIVE_INFINITY;
  }

  /** The answer for a flag. Never throws; the same object as long as the flag's definition stays the same. */
  flag(key: string): Outcome {
    const flag = this.snapshot.flags.get(key);
    return flag === undefined ? valueless(key, 'FLAG_NOT_FOUND', '', 0) : this.answer(flag);
  }

  /** The answer for a flag of this snapshot. */
  answer(flag: CompiledFlag): Outcome {
    const outcome = this.#decide(flag);
    const memory = this.#memory;
    if (memory?.wasCut === true) {
      memory.wasCut = false;
      memory.served = undefined;
      memory.members = undefined;
    }
    return outcome;
  }

  /** For compiled definitions: the variation that a flag serves to this context; undefined if it serves none. */
  served(key: string): string | undefined {
    const memory = this.#remembering();
    memory.served ??= new Map();
    const known = memory.served.get(key);
    const outcome = known ?? this.#serve(key, memory, memory.served);
    if (outcome === 'pending') memory.wasCut = true;
    return outcome === undefined || outcome === 'pending' || outcome.reason === 'ERROR'
      ? undefined
      : outcome.variation;
  }

  /** For compiled definitions: whether this context is in a segment. Throws if that cannot be said. */
  isMember(key: string): boolean {
    const memory = this.#remembering();
    memory.members ??= new Map();
    const known = memory.members.get(key);
    if (typeof known === 'boolean') return known;
    const segment = this.snapshot.segments.get(key);
    if (segment === undefined) throw new Unevaluable(`there is no segment ${key}`);
    if (known === 'pending') throw new Unevaluable(`segment ${key} depends on itself`);
    memory.members.set(key, 'pending');
    const isMember = segment.admits(this);
    memory.members.set(key, isMember);
    return isMember;
  }

  /** For compiled definitions: the active release that the context runs. */
  release(): CompiledRelease | undefined {
    return this.snapshot.releaseOf(this);
  }

  /** For compiled definitions: what they say now may no longer hold at this instant. */
  mayChangeAt(instantMs: number): void {
    const memory = this.#remembering();
    if (instantMs < memory.changesAt) memory.changesAt = instantMs;
  }

  /** For compiled definitions: 0 to 99999 for a bucketing value. */
  bucketOf(hash: Salted, value: string): number {
    const memory = this.#memory;
    if (memory === undefined || hash.algorithm !== 'murmur3') return bucketOf(hash, value);
    if (memory.packed.text !== value) memory.packed = packText(value);
    return packedBucketOf(hash, memory.packed);
  }

  #remembering(): Memory {
    this.#memory ??= new Memory();
    return this.#memory;
  }

  #serve(key: string, memory: Memory, served: Map<string, Outcome | 'pending'>): Outcome | undefined {
    const flag = this.snapshot.flags.get(key);
    if (flag === undefined) return undefined;
    if (memory.depth >= MAX_DEPTH) {
      memory.wasCut = true;
      return undefined;
    }
    served.set(key, 'pending');
    memory.depth++;
    try {
      const outcome = this.#decide(flag);
      served.set(key, outcome);
      return outcome;
    } finally {
      memory.depth--;
    }
  }

  #decide(flag: CompiledFlag): Outcome {
    try {
      const { releasedFlags } = this.snapshot;
      const outcome =
        releasedFlags.size > 0 && releasedFlags.has(flag.key) ? flag.decideReleased(this) : flag.decide(this);
      return outcome ?? flag.fallback;
    } catch (error) {
      // Whatever was pending in segments was left on the way out.
      if (this.#memory !== undefined) this.#memory.members = undefined;
      return error instanceof Unevaluable ? flag.unreadable : flag.failed;
    }
  }
}

const NOTHING_PACKED = packText('');

/** What the flags of one evaluation share. */
class Memory {
  changesAt = Number.POSITIVE_INFINITY;
  served: Map<string, Outcome | 'pending'> | undefined = undefined;
  members: Map<string, boolean | 'pending'> | undefined = undefined;
  depth = 0;
  /** A cycle or a chain was cut, so what is remembered holds for this flag's point of view only. */
  wasCut = false;
  /** The bucketing value that was asked for last. */
  packed: PackedText = NOTHING_PACKED;
}
