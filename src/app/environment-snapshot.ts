import { brokenFlag } from '../core/broken-flag.ts';
import type { ObjectId } from '../core/change.ts';
import { type CompiledFlag, compileFlag } from '../core/compile-flag.ts';
import { type CompiledSegment, compileSegment } from '../core/compile-segment.ts';
import type { Release, Segment } from '../core/model.ts';
import { remarkedFlag } from '../core/remarked-flag.ts';
import {
  buildSnapshot,
  type Changes,
  type CompiledRelease,
  compileRelease,
  type Snapshot,
  updateSnapshot,
} from '../core/snapshot.ts';
import { type ProjectState, settingsOf } from './project-state.ts';
import type { Problem, Quarantine } from './quarantine.ts';
import { touchedIn } from './touched.ts';

/** One environment of a project, compiled. */
export function snapshotOf(state: ProjectState, environment: string, quarantine?: Quarantine): Snapshot {
  const all = <T>(keys: Iterable<string>, compile: (key: string) => T | undefined) =>
    [...keys].map(compile).filter((compiled) => compiled !== undefined);
  const broken = quarantine?.problems().flatMap(({ id }) => (id?.kind === 'flag' ? [id.key] : [])) ?? [];
  return buildSnapshot({
    project: state.key,
    environment,
    revision: state.revision,
    flags: all(new Set([...state.flags.keys(), ...broken]), (key) =>
      flagIn(state, environment, key, quarantine),
    ),
    segments: all(state.segments.keys(), (key) => segmentIn(state, key)),
    releases: all(state.releases.keys(), (key) => releaseIn(state, key)),
  });
}

/** The environments of one project, compiled, each kept in step with the project's state. */
export class EnvironmentSnapshots {
  #snapshots = new Map<string, Snapshot>();

  /** Undefined for an environment that does not exist or is archived, or of a project that is. */
  get(environment: string): Snapshot | undefined {
    return this.#snapshots.get(environment);
  }

  rebuild(state: ProjectState, quarantine: Quarantine): void {
    this.#snapshots = new Map(
      liveEnvironments(state).map((environment) => [environment, snapshotOf(state, environment, quarantine)]),
    );
  }

  /** Recompiles these objects, and nothing else. */
  advance(state: ProjectState, ids: readonly ObjectId[], quarantine: Quarantine): void {
    const next = new Map<string, Snapshot>();
    for (const environment of liveEnvironments(state)) {
      const previous = this.#snapshots.get(environment);
      if (previous === undefined) {
        next.set(environment, snapshotOf(state, environment, quarantine));
        continue;
      }
      const touched = touchedIn(environment, ids);
      next.set(
        environment,
        updateSnapshot(previous, {
          revision: state.revision,
          flags: changesOf(touched.flags, (key) => flagIn(state, environment, key, quarantine)),
          segments: changesOf(touched.segments, (key) => segmentIn(state, key)),
          releases: changesOf(touched.releases, (key) => releaseIn(state, key)),
        }),
      );
    }
    this.#snapshots = next;
  }
}

function changesOf<T>(keys: ReadonlySet<string>, compile: (key: string) => T | undefined): Changes<T> {
  const upserts: T[] = [];
  const deletes: string[] = [];
  for (const key of keys) {
    const compiled = compile(key);
    if (compiled === undefined) deletes.push(key);
    else upserts.push(compiled);
  }
  return { upserts, deletes };
}

function liveEnvironments(state: ProjectState): string[] {
  if (state.project === undefined || state.project.state.archived) return [];
  return [...state.environments.values()].flatMap(({ state: { key, archived } }) => (archived ? [] : [key]));
}

function flagIn(
  state: ProjectState,
  environment: string,
  key: string,
  quarantine: Quarantine | undefined,
): CompiledFlag | undefined {
  const flag = state.flags.get(key);
  const broken = quarantine?.problemWith({ kind: 'flag', environment: '', key });
  if (flag === undefined) return broken && brokenFlag(key, broken.revision, broken.message);
  const settings = settingsOf(state, environment, key);
  const brokenSettings = quarantine?.problemWith({ kind: 'settings', environment, key });
  if (brokenSettings !== undefined && settings.version === 0)
    return brokenFlag(key, brokenSettings.revision, brokenSettings.message, flag.state);
  const compiled = compileFlag(flag.state, settings.state, Math.max(flag.version, settings.version));
  const problem = broken ?? brokenSettings;
  return problem === undefined ? compiled : remarkedFlag(compiled, remarkOn(problem));
}

function remarkOn({ revision, message }: Problem): string {
  return `revision ${revision} is not understood (${message}): this is as it was before`;
}

const segments = new WeakMap<Segment, CompiledSegment>();
const releases = new WeakMap<Release, CompiledRelease>();

/** The same in every environment, so it is compiled once for all of them. */
function segmentIn(state: ProjectState, key: string): CompiledSegment | undefined {
  const segment = state.segments.get(key);
  return segment && once(segments, segment.state, () => compileSegment(segment.state, segment.version));
}

function releaseIn(state: ProjectState, key: string): CompiledRelease | undefined {
  const release = state.releases.get(key);
  return release && once(releases, release.state, () => compileRelease(release.state, release.version));
}

function once<K extends object, V>(known: WeakMap<K, V>, key: K, make: () => V): V {
  let value = known.get(key);
  if (value === undefined) {
    value = make();
    known.set(key, value);
  }
  return value;
}
