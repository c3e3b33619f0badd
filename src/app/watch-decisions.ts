import type { Context } from '../core/context.ts';
import { Evaluation } from '../core/evaluation.ts';
import type { Outcome } from '../core/outcome.ts';
import { affectedFlags, type Snapshot } from '../core/snapshot.ts';
import { decideAll, forClients, type Selection } from './decisions.ts';
import type { Touched } from './touched.ts';
import { type Content, NO_CONTENT } from './watch-events.ts';
import { sizeOfOutcome } from './watch-size.ts';
import { inParts, type View } from './watch-view.ts';

/** The decisions for one context: only those that became different are sent, whatever the cause. */
export class DecisionsView implements View {
  changesAt = Number.POSITIVE_INFINITY;
  readonly #context: Context;
  readonly #selection: Selection;
  readonly #named: ReadonlySet<string> | undefined;
  /** What the watcher has. */
  #known = new Map<string, Outcome>();
  /** Flags that it may have in some other form, or not at all. */
  readonly #stale = new Set<string>();

  constructor(context: Context, selection: Selection) {
    this.#context = context;
    this.#selection = selection;
    this.#named = selection.flagKeys === undefined ? undefined : new Set(selection.flagKeys);
  }

  full(snapshot: Snapshot, nowMs: number) {
    this.#baseline(snapshot, nowMs);
    const outcomes = [...this.#known.values()];
    return {
      parts: inParts(outcomes, sizeOfOutcome, (decisions) => ({ ...NO_CONTENT, decisions })),
      lines: outcomes.map(
        ({ flag, flagVersion, variation }) => `decision ${flag} ${flagVersion} ${variation}`,
      ),
    };
  }

  /**
   * What was touched is sent again, for the watcher may have any earlier form of it. A web key is told that a flag is
   * gone only if it could see it before; if nobody knows that any more, the watch cannot be resumed.
   */
  resume(snapshot: Snapshot, seenAtMs: number, touched: Touched): boolean {
    const { clientVisibleOnly } = this.#selection;
    this.#baseline(snapshot, seenAtMs);
    for (const key of this.#affected(snapshot, touched)) {
      if (clientVisibleOnly && !this.#known.has(key)) {
        if (touched.seenByClients === undefined) return false;
        if (!touched.seenByClients.has(key)) continue;
      }
      this.#stale.add(key);
    }
    return true;
  }

  step(snapshot: Snapshot, nowMs: number, touched: Touched): Content {
    const isDue = nowMs >= this.changesAt;
    const evaluation = new Evaluation(snapshot, this.#context, nowMs);
    const decisions: Outcome[] = [];
    const deletedFlags: string[] = [];
    const keys = new Set(isDue ? this.#known.keys() : undefined);
    for (const key of this.#affected(snapshot, touched)) keys.add(key);
    for (const key of this.#stale) keys.add(key);
    for (const key of keys) {
      if (this.#named !== undefined && !this.#named.has(key)) continue;
      const isStale = this.#stale.has(key);
      const flag = snapshot.flags.get(key);
      if (flag === undefined || (this.#selection.clientVisibleOnly && !flag.clientVisible)) {
        if (this.#known.delete(key) || isStale) deletedFlags.push(key);
        continue;
      }
      const before = this.#known.get(key);
      const decided = evaluation.answer(flag);
      const after = this.#selection.clientVisibleOnly ? forClients(decided) : decided;
      this.#known.set(key, after);
      if (isStale || before === undefined || !sameAnswer(before, after)) decisions.push(after);
    }
    this.#stale.clear();
    this.changesAt = isDue ? evaluation.changesAt : Math.min(this.changesAt, evaluation.changesAt);
    return { ...NO_CONTENT, decisions, deletedFlags };
  }

  #baseline(snapshot: Snapshot, nowMs: number): void {
    const { outcomes, changesAt } = decideAll(snapshot, this.#context, nowMs, this.#selection);
    this.#known = new Map(outcomes.map((outcome) => [outcome.flag, outcome]));
    this.changesAt = changesAt;
  }

  /** A release may have let go of flags that it does not name any more, so that a touched one concerns every flag. */
  #affected(snapshot: Snapshot, touched: Touched): ReadonlySet<string> {
    if (touched.releases.size > 0)
      return new Set([...this.#known.keys(), ...snapshot.flags.keys(), ...touched.flags]);
    return affectedBy(snapshot, touched);
  }
}

const affected = new WeakMap<Touched, WeakMap<Snapshot, ReadonlySet<string>>>();

/** Worked out once for all watchers that take the same step. */
function affectedBy(snapshot: Snapshot, touched: Touched): ReadonlySet<string> {
  const known = affected.get(touched) ?? new WeakMap<Snapshot, ReadonlySet<string>>();
  affected.set(touched, known);
  const flags = known.get(snapshot) ?? affectedFlags(snapshot, touched.flags, touched.segments);
  known.set(snapshot, flags);
  return flags;
}

function sameAnswer(a: Outcome, b: Outcome): boolean {
  return (
    a === b ||
    (a.flagVersion === b.flagVersion &&
      a.variation === b.variation &&
      a.reason === b.reason &&
      a.ruleId === b.ruleId &&
      a.detail === b.detail &&
      a.errorCode === b.errorCode)
  );
}
