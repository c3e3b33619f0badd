import type { Change, Head } from '../core/change.ts';
import type { Projection } from '../ports/projection.ts';
import { Complaints } from './complaints.ts';
import { adoptionsIn } from './lineage.ts';
import { type LiveParts, LiveProject } from './live-project.ts';
import { faultIn, nothingIfDamaged } from './log-reader.ts';
import { SYSTEM } from './principal.ts';
import { restoreShared, restoreState } from './restore-state.ts';
import { Rounds } from './rounds.ts';

/** A project and what belongs to it, also when it is read anew. */
export interface Followed {
  readonly live: LiveProject;
  /** Higher each time that the project was read anew: then it may be another history. */
  readonly epoch: number;
  /** Compares it with the log. */
  readonly rounds: Rounds<void>;
}

export interface FollowedParts extends LiveParts {
  /** What this very replica saved earlier. */
  readonly projection: Projection;
  /** What all replicas keep up together: quicker to begin with than a long log. */
  readonly shared?: Projection | undefined;
}

/** However many changes are heard of, the log is not asked more often about each project. */
const PROVE_MS = 200;
const UNREADABLE = 'cannot read the log';

/** Every project that this replica knows, and what makes each the same as in the log. */
export class FollowedProjects {
  readonly #parts: FollowedParts;
  readonly #followed = new Map<string, Followed & { live: LiveProject; epoch: number }>();
  readonly #complaints: Complaints;
  /** Of these something was heard that is to be looked up. */
  readonly #unproven = new Set<string>();
  /** What was restored turned out to be of another instance. */
  #isForeign = false;

  constructor(parts: FollowedParts) {
    this.#parts = parts;
    this.#complaints = new Complaints(parts.clock, parts.report);
  }

  all(): LiveProject[] {
    return [...this.#followed.values()].map(({ live }) => live);
  }

  known(project: string): Followed | undefined {
    return this.#followed.get(project);
  }

  /** From now on this project is followed, whether it exists or not. */
  of(project: string): Followed {
    const known = this.#followed.get(project);
    if (known !== undefined) return known;
    const { clock, log } = this.#parts;
    const rounds = new Rounds(async () => {
      const startedAt = clock.monotonic();
      await this.#compare(project, await log.head(project), startedAt);
    });
    const followed = { live: this.#newLive(project), epoch: 0, rounds };
    this.#followed.set(project, followed);
    return followed;
  }

  /** Begins with what was saved earlier, as far as it is whole. */
  async restore(): Promise<void> {
    const { projection, report } = this.#parts;
    try {
      for (const project of await projection.projects()) {
        const restored = await restoreState(projection, project);
        if (restored !== undefined) this.of(project).live.restore(restored);
      }
    } catch (error) {
      report('cannot read the projection', { error });
    }
  }

  /** Takes what somebody says is the newest change, or reads the log up to it. */
  async hear(live: LiveProject, revision: number, change: Change | undefined): Promise<void> {
    if (change?.project === live.key && faultIn(change) === undefined && live.offer(change)) {
      this.#proveSoon(live.key);
      return;
    }
    try {
      await live.fetch();
      // A run that was under way may have read the log before it had this.
      if (live.state.revision < revision) await live.fetch();
    } catch (error) {
      this.#complaints.make(UNREADABLE, live.key, { project: live.key, error });
    }
  }

  /** What was only heard has to be seen in the log before long, or it could be lost there without a trace. */
  #proveSoon(project: string): void {
    if (this.#unproven.has(project)) return;
    this.#unproven.add(project);
    this.#parts.clock.after(PROVE_MS, () => {
      this.#unproven.delete(project);
      // A log that is away is spoken of by whoever polls it.
      this.of(project)
        .rounds.next()
        .catch(() => undefined);
    });
  }

  /** Compares every project with these heads, asked for at that moment. Resolves to whether all could be read. */
  async compareAll(found: readonly Head[], startedAt: number, signal: AbortSignal): Promise<boolean> {
    const heads = new Map(found.map((head) => [head.project, head]));
    // Whether what was restored is of this instance shows in its own log.
    const first = heads.has(SYSTEM) ? [SYSTEM] : [];
    let isComplete = true;
    for (const project of new Set([...first, ...heads.keys(), ...this.#followed.keys()])) {
      if (signal.aborted) return false;
      try {
        await this.#compare(project, heads.get(project), startedAt);
        this.#complaints.end(UNREADABLE, project);
      } catch (error) {
        isComplete = false;
        this.#complaints.make(UNREADABLE, project, { project, error });
      }
    }
    return isComplete;
  }

  /** Nobody hears of what it does before it is the one that is served. */
  #newLive(project: string): LiveProject {
    const live: LiveProject = new LiveProject(project, {
      ...this.#parts,
      applied: (step) => {
        if (this.#followed.get(project)?.live === live) this.#parts.applied(step);
      },
    });
    return live;
  }

  async #compare(project: string, head: Head | undefined, startedAt: number): Promise<void> {
    const { live } = this.of(project);
    if (live.state.revision === 0 && head !== undefined) await this.#begin(live);
    await live.compare(head, startedAt);
    const isObsolete =
      live.trouble === 'forked' ? await this.#isGivenUp(live) : live.isInPart && !live.isUnproven;
    if (isObsolete) await this.#readAnew(live);
  }

  async #begin(live: LiveProject): Promise<void> {
    const { shared, log } = this.#parts;
    const restored = shared && (await restoreShared(shared, log, live.key).catch(nothingIfDamaged));
    if (restored !== undefined && live.state.revision === 0) live.restore(restored);
  }

  /** Whether what is known of a project is not to be served any more, because the log is to be believed. */
  async #isGivenUp(live: LiveProject): Promise<boolean> {
    const { log } = this.#parts;
    const { key, lineage, isUnproven } = live;
    if (await this.#isHearsay(live)) return true;
    const { adoptions } = await adoptionsIn(log, key);
    const known = new Set(lineage.adoptions.map(({ hash }) => hash));
    if (adoptions.some(({ hash }) => !known.has(hash))) return true;
    if (!isUnproven) return false;
    const [first] = await log.read(key, 0, 1);
    if (first === undefined) return this.#isForeign;
    const isForeign = first.hash !== lineage.genesis;
    if (key === SYSTEM) this.#isForeign = isForeign;
    return isForeign;
  }

  /** Whether the log contradicts only what a notice said: that may be of another fleet, on a copy of the log. */
  async #isHearsay({ key, state, proven }: LiveProject): Promise<boolean> {
    if (proven === undefined || proven.revision >= state.revision) return false;
    if (proven.revision === 0) return true;
    const [change] = await this.#parts.log.read(key, proven.revision - 1, 1);
    return change?.hash === proven.hash;
  }

  async #readAnew(old: LiveProject): Promise<void> {
    const { log, clock, report, applied } = this.#parts;
    const project = old.key;
    const startedAt = clock.monotonic();
    const live = this.#newLive(project);
    await live.compare(await log.head(project), startedAt);
    const followed = this.#followed.get(project);
    if (live.trouble === 'forked' || followed?.live !== old) return;
    const before = old.state;
    followed.live = live;
    followed.epoch++;
    report('a project was read anew', { project, from: before.revision, to: live.state.revision });
    applied({ project, before, after: live.state });
  }
}
