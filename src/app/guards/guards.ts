import type { Catalog } from '../catalog.ts';
import { Complaints } from '../complaints.ts';
import type { ProjectState } from '../project-state.ts';
import type { Report } from '../quarantine.ts';
import type { Writer } from '../writer.ts';
import { type Move, planOf } from './moves.ts';
import { type Post, postsIn, stageOf } from './posts.ts';
import { type SightParts, verdictOn } from './sight.ts';

/** How often a window is looked at, and within which bounds. */
const LOOKS_PER_WINDOW = 20;
const SHORTEST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
/** So many times as long as it took to look nobody looks again. */
const PAUSE_PER_LOOK = 9;
/** What decides which guards are on duty. */
const PARTS = ['project', 'environments', 'flags', 'settings'] as const;
const TROUBLE = 'a guard cannot see or act';

export interface GuardsParts extends SightParts {
  readonly catalog: Catalog;
  readonly writer: Pick<Writer, 'commit'>;
  readonly report: Report;
}

/**
 * Has the guards of all rules look at how people fare, and act: each step is a revision of its own, by `guard`, with the
 * numbers that it was decided by. The idempotency key names the stage that is left, so that of several replicas one acts.
 * Whoever cannot see how people fare does nothing.
 */
export class Guards implements Disposable {
  readonly #parts: GuardsParts;
  readonly #complaints: Complaints;
  readonly #subscription: Disposable;
  /** Of projects that have any. */
  readonly #posts = new Map<string, readonly Post[]>();
  /** When each stage is looked at next, by the monotonic clock. */
  #dueAt: ReadonlyMap<string, number> = new Map();
  #alarm: Disposable | undefined;
  #isLooking = false;
  #disposed = false;

  constructor(parts: GuardsParts) {
    this.#parts = parts;
    this.#complaints = new Complaints(parts.clock, parts.report);
    this.#subscription = parts.catalog.subscribe(({ before, after }) => {
      if (PARTS.some((part) => before[part] !== after[part])) this.#take(after);
    });
    for (const state of parts.catalog.projects()) this.#take(state);
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#subscription[Symbol.dispose]();
    this.#alarm?.[Symbol.dispose]();
  }

  #take(state: ProjectState): void {
    const posts = postsIn(state);
    if (posts.length > 0) this.#posts.set(state.key, posts);
    else if (!this.#posts.delete(state.key)) return;
    this.#arm();
  }

  /** `rested` are those that were looked at just now, and when they are to be looked at next. */
  #arm(rested: ReadonlyMap<string, number> = new Map()): void {
    if (this.#disposed || this.#isLooking) return;
    this.#alarm?.[Symbol.dispose]();
    this.#alarm = undefined;
    const now = this.#parts.clock.monotonic();
    const dueAt = new Map<string, number>();
    let next = Number.POSITIVE_INFINITY;
    for (const post of [...this.#posts.values()].flat()) {
      const stage = stageOf(post);
      const due = rested.get(stage) ?? this.#dueAt.get(stage) ?? now + pauseOf(post);
      dueAt.set(stage, due);
      next = Math.min(next, due);
    }
    this.#dueAt = dueAt;
    if (dueAt.size === 0) return;
    this.#alarm = this.#parts.clock.after(Math.max(0, next - now), () => void this.#look());
  }

  async #look(): Promise<void> {
    const { clock } = this.#parts;
    this.#isLooking = true;
    const rested = new Map<string, number>();
    const now = clock.monotonic();
    for (const post of [...this.#posts.values()].flat()) {
      if (this.#disposed) return;
      const stage = stageOf(post);
      if ((this.#dueAt.get(stage) ?? Number.POSITIVE_INFINITY) > now) continue;
      const startedAt = clock.monotonic();
      const succeeded = await this.#tryAt(post);
      const endedAt = clock.monotonic();
      const leastMs = succeeded ? (endedAt - startedAt) * PAUSE_PER_LOOK : 0;
      rested.set(stage, endedAt + Math.max(pauseOf(post), leastMs));
    }
    this.#isLooking = false;
    this.#arm(rested);
  }

  /** Whether it did. */
  async #tryAt(post: Post): Promise<boolean> {
    const { project, environment, flag, rule } = post;
    const what = `${project}/${environment}/${flag}/${rule.id}`;
    try {
      const move = await verdictOn(post, this.#parts);
      if (move.kind !== 'wait' && this.#isOnDuty(post)) await this.#act(post, move);
      this.#complaints.end(TROUBLE, what);
      return true;
    } catch (error) {
      if (!this.#disposed) this.#complaints.make(TROUBLE, what, { what, error });
      return false;
    }
  }

  #isOnDuty(post: Post): boolean {
    if (this.#disposed) return false;
    return (this.#posts.get(post.project) ?? []).some((each) => stageOf(each) === stageOf(post));
  }

  async #act(post: Post, move: Move): Promise<void> {
    const intent = {
      ...{ project: post.project, action: `flag.guard.${move.kind}`, actor: 'guard', reason: move.why },
      ...{ idempotencyKey: `guard:${stageOf(post)}`, requestDigest: '', validateOnly: false, mayHalt: true },
    };
    await this.#parts.writer.commit(intent, planOf(post, move));
  }
}

function pauseOf({ guard }: Post): number {
  const pauseMs = (guard.windowSeconds * 1_000) / LOOKS_PER_WINDOW;
  return Math.min(Math.max(pauseMs, SHORTEST_PAUSE_MS), LONGEST_PAUSE_MS);
}
