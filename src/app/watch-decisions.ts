import type { Context } from '../core/context.ts';
import { Evaluation } from '../core/evaluation.ts';
import type { Outcome } from '../core/outcome.ts';
import { affectedFlags, type Snapshot } from '../core/snapshot.ts';
import { decideAll, type Selection, withoutDetail } from './decisions.ts';
import type { Touched } from './touched.ts';
import { type Content, NO_CONTENT } from './watch-events.ts';
import { inParts, type View } from './watch-view.ts';

/** The decisions for one context: only those that became different are sent, whatever the cause. */
export class DecisionsView implements View {
  changesAt = Number.POSITIVE_INFINITY;
  readonly #context: Context;
  readonly #selection: Selection;
  readonly #named: ReadonlySet<string> | undefined;
  /** What the watcher has; undefined for a flag that it may have in some other form, or not at all. */
  #known = new Map<string, Outcome | undefined>();

  constructor(context: Context, selection: Selection) {
    this.#context = context;
    this.#selection = selection;
    this.#named = selection.flagKeys === undefined ? undefined : new Set(selection.flagKeys);
  }

  full(snapshot: Snapshot, nowMs: number) {
    this.#baseline(snapshot, nowMs);
    const outcomes = [...this.#known.values()].filter((outcome) => outcome !== undefined);
    return {
      parts: inParts(outcomes, (decisions) => ({ ...NO_CONTENT, decisions })),
      lines: outcomes.map(
        ({ flag, flagVersion, variation }) => `decision ${flag} ${flagVersion} ${variation}`,
      ),
    };
  }

  /** What was touched is sent again, for the watcher may have any earlier form of it. */
  resume(snapshot: Snapshot, seenAtMs: number, touched: Touched): boolean {
    this.#baseline(snapshot, seenAtMs);
    for (const key of this.#affected(snapshot, touched)) this.#known.set(key, undefined);
    return true;
  }

  step(snapshot: Snapshot, nowMs: number, touched: Touched): Content {
    const isDue = nowMs >= this.changesAt;
    const evaluation = new Evaluation(snapshot, this.#context, nowMs);
    const decisions: Outcome[] = [];
    const deletedFlags: string[] = [];
    const stale = [...this.#known].flatMap(([key, outcome]) => (outcome === undefined ? [key] : []));
    const keys = isDue
      ? new Set([...this.#known.keys(), ...touched.flags])
      : new Set([...this.#affected(snapshot, touched), ...stale]);
    for (const key of keys) {
      if (this.#named !== undefined && !this.#named.has(key)) continue;
      const flag = snapshot.flags.get(key);
      if (flag === undefined || (this.#selection.clientVisibleOnly && !flag.clientVisible)) {
        if (this.#known.delete(key)) deletedFlags.push(key);
        continue;
      }
      const before = this.#known.get(key);
      const decided = evaluation.flag(key);
      const after = this.#selection.clientVisibleOnly ? withoutDetail(decided) : decided;
      this.#known.set(key, after);
      if (before === undefined || !sameAnswer(before, after)) decisions.push(after);
    }
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
    return affectedFlags(snapshot, touched.flags, touched.segments);
  }
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
