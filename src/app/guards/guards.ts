import { FlagError } from '../../core/errors.ts';
import type { FlagSettings, Guard, Instant, Rule } from '../../core/model.ts';
import { halted, withRollout } from '../../core/scheduled-action.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ExposureStore, RecordedPlace, VariationOutcome } from '../../ports/exposure-store.ts';
import type { Catalog } from '../catalog.ts';
import { Complaints } from '../complaints.ts';
import { isLiveIn } from '../missed-changes.ts';
import { type ProjectState, settingsOf } from '../project-state.ts';
import type { Report } from '../quarantine.ts';
import type { Intent, Plan, Writer } from '../writer.ts';
import { judge, type Verdict } from './judge.ts';

/** How often a window is looked at, and within which bounds. */
const LOOKS_PER_WINDOW = 20;
const SHORTEST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
/** What decides which guards are on duty. */
const PARTS = ['project', 'environments', 'flags', 'settings'] as const;

interface Post {
  readonly project: string;
  readonly environment: string;
  readonly flag: string;
  readonly rule: Rule;
  readonly guard: Guard;
  readonly since: Instant;
  readonly defaultVariation: string;
}

export interface GuardsParts {
  readonly catalog: Catalog;
  readonly writer: Pick<Writer, 'commit'>;
  readonly clock: Clock;
  readonly store: Pick<ExposureStore, 'outcomes'>;
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
    else this.#posts.delete(state.key);
    this.#arm();
  }

  #arm(): void {
    if (this.#disposed || this.#isLooking || this.#alarm !== undefined || this.#posts.size === 0) return;
    const windows = [...this.#posts.values()].flat().map(({ guard }) => guard.windowSeconds * 1_000);
    const pauseMs = Math.min(...windows) / LOOKS_PER_WINDOW;
    const boundedMs = Math.min(Math.max(pauseMs, SHORTEST_PAUSE_MS), LONGEST_PAUSE_MS);
    this.#alarm = this.#parts.clock.after(boundedMs, () => void this.#look());
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    this.#alarm = undefined;
    for (const post of [...this.#posts.values()].flat()) {
      if (this.#disposed) return;
      try {
        await this.#lookAt(post);
      } catch (error) {
        const { project, environment, flag, rule } = post;
        const what = `${project}/${environment}/${flag}/${rule.id}`;
        this.#complaints.make('a guard cannot see or act', what, { what, error });
      }
    }
    this.#isLooking = false;
    this.#arm();
  }

  async #lookAt(post: Post): Promise<void> {
    const { clock, store } = this.#parts;
    const { guard, since, rule, flag, defaultVariation } = post;
    const now = clock.now();
    const from = Math.max(Date.parse(since), now - guard.windowSeconds * 1_000);
    const place: RecordedPlace = { project: post.project, environment: post.environment };
    const about = guard.event === '' ? { kinds: ['error', 'crash'] as const } : { event: guard.event };
    const query = { flag, from, to: now + 1, ...about };
    const served = await store.outcomes(place, { ...query, ruleId: rule.id });
    const all = await store.outcomes(place, query);
    const base = all.find(({ variation }) => variation === defaultVariation);
    const verdict = judge(rule, guard, {
      served: served.filter(({ variation }) => variation !== '').map(fared),
      base: base === undefined ? { hits: 0, total: 0 } : fared(base),
      elapsedMs: now - Date.parse(since),
    });
    if (verdict.kind !== 'wait') await this.#act(post, verdict);
  }

  async #act(post: Post, verdict: Exclude<Verdict, { kind: 'wait' }>): Promise<void> {
    const { project, environment, flag, rule, since } = post;
    const intent: Intent = {
      project,
      action: `flag.guard.${verdict.kind}`,
      actor: 'guard',
      reason: verdict.why,
      idempotencyKey: `guard:${environment}:${flag}:${rule.id}:${since}`,
      requestDigest: '',
      validateOnly: false,
      mayHalt: true,
    };
    try {
      await this.#parts.writer.commit(intent, planOf(post, verdict));
    } catch (error) {
      if (!(error instanceof FlagError) || error.kind === 'conflict') throw error;
      this.#complaints.make('a guard could not act', flag, { ...post, error });
    }
  }
}

function fared({ variation, subjects, affected }: VariationOutcome) {
  return { variation, hits: affected, total: subjects };
}

/** The rules of a project that somebody watches over at the moment. */
function postsIn(state: ProjectState): Post[] {
  return [...state.settings].flatMap(([environment, table]) =>
    [...table.values()].flatMap(({ state: settings }) => {
      const flag = state.flags.get(settings.flag)?.state;
      const isServing = settings.enabled && settings.halt === undefined && flag?.status === 'active';
      if (flag === undefined || !isServing || !isLiveIn(state, environment, settings.flag)) return [];
      const defaultVariation = settings.defaultVariation ?? flag.defaultVariation;
      return settings.rules.flatMap((rule) => {
        const { guard, guardState } = rule;
        if (guard === undefined || guardState?.status !== 'watching') return [];
        const { since } = guardState;
        return [{ project: state.key, environment, flag: flag.key, rule, guard, since, defaultVariation }];
      });
    }),
  );
}

/** Does nothing if the rule is not where it was when it was judged. */
function planOf({ environment, flag, rule, since }: Post, verdict: Exclude<Verdict, { kind: 'wait' }>): Plan {
  return (state, now) => {
    const { state: settings } = settingsOf(state, environment, flag);
    const current = settings.rules.find(({ id }) => id === rule.id);
    const isSame = current?.guardState?.status === 'watching' && current.guardState.since === since;
    if (current === undefined || !isSame || !isLiveIn(state, environment, flag)) return { operations: [] };
    const next = { ...moved(settings, current, verdict, now), updatedAt: now };
    return { operations: [{ op: 'put', object: { kind: 'settings', environment, state: next } }] };
  };
}

function moved(
  settings: FlagSettings,
  rule: Rule,
  verdict: Exclude<Verdict, { kind: 'wait' }>,
  now: Instant,
): FlagSettings {
  const status = verdict.kind === 'forward' ? ('watching' as const) : ('resting' as const);
  const guardState = { status, since: now, note: verdict.why };
  const rolled = verdict.kind === 'halt' ? rule : withRollout(rule, verdict.weight, now);
  const rules = settings.rules.map((each) => (each.id === rule.id ? { ...rolled, guardState } : each));
  const next = { ...settings, rules };
  return verdict.kind === 'halt' ? halted(next, 'guard', verdict.why, now) : next;
}
