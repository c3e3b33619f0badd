import { type Change, idOf, type ObjectId, type ObjectState, type Operation } from '../core/change.ts';
import type {
  AccessKey,
  Environment,
  Flag,
  FlagSettings,
  Instant,
  Project,
  Release,
  Revision,
  Segment,
} from '../core/model.ts';
import { initialSettings } from '../core/model.ts';

/** An object and the revision that last changed it. */
export interface Stored<T> {
  readonly state: T;
  readonly version: Revision;
}

type Table<T> = ReadonlyMap<string, Stored<T>>;

/** A project at one revision. Immutable: a change makes a new one that shares every table it did not touch. */
export interface ProjectState {
  readonly key: string;
  readonly revision: Revision;
  /** Of the change that made this revision; empty at revision 0. */
  readonly hash: string;
  /** When that change was made; empty at revision 0. */
  readonly time: Instant;
  /** Absent before the project is created and after it is deleted. */
  readonly project: Stored<Project> | undefined;
  readonly environments: Table<Environment>;
  readonly flags: Table<Flag>;
  /** By environment, then by flag. A flag that an environment never touched is not in it. */
  readonly settings: ReadonlyMap<string, Table<FlagSettings>>;
  readonly segments: Table<Segment>;
  readonly releases: Table<Release>;
  readonly keys: Table<AccessKey>;
}

export function emptyState(key: string): ProjectState {
  const none = new Map<string, never>();
  return {
    key,
    revision: 0,
    hash: '',
    time: '',
    project: undefined,
    environments: none,
    flags: none,
    settings: none,
    segments: none,
    releases: none,
    keys: none,
  };
}

/** The settings of a flag in an environment; version 0 and the initial ones if nothing ever set them. */
export function settingsOf(state: ProjectState, environment: string, flag: string): Stored<FlagSettings> {
  return state.settings.get(environment)?.get(flag) ?? { state: initialSettings(flag), version: 0 };
}

/** The object of that id, if there is one. */
export function objectOf(state: ProjectState, id: ObjectId): Stored<ObjectState> | undefined {
  const wrap = <T>(stored: Stored<T> | undefined, make: (value: T) => ObjectState) =>
    stored === undefined ? undefined : { state: make(stored.state), version: stored.version };
  switch (id.kind) {
    case 'project':
      return wrap(state.project?.state.key === id.key ? state.project : undefined, (value) => ({
        kind: 'project',
        state: value,
      }));
    case 'environment':
      return wrap(state.environments.get(id.key), (value) => ({ kind: 'environment', state: value }));
    case 'flag':
      return wrap(state.flags.get(id.key), (value) => ({ kind: 'flag', state: value }));
    case 'settings':
      return wrap(state.settings.get(id.environment)?.get(id.key), (value) => ({
        kind: 'settings',
        environment: id.environment,
        state: value,
      }));
    case 'segment':
      return wrap(state.segments.get(id.key), (value) => ({ kind: 'segment', state: value }));
    case 'release':
      return wrap(state.releases.get(id.key), (value) => ({ kind: 'release', state: value }));
    case 'key':
      return wrap(state.keys.get(id.key), (value) => ({ kind: 'key', state: value }));
  }
}

/** Every object of the project, with its version. */
export function* objectsOf(state: ProjectState): Generator<Stored<ObjectState>> {
  if (state.project)
    yield { state: { kind: 'project', state: state.project.state }, version: state.project.version };
  for (const { state: value, version } of state.environments.values())
    yield { state: { kind: 'environment', state: value }, version };
  for (const { state: value, version } of state.flags.values())
    yield { state: { kind: 'flag', state: value }, version };
  for (const [environment, table] of state.settings)
    for (const { state: value, version } of table.values())
      yield { state: { kind: 'settings', environment, state: value }, version };
  for (const { state: value, version } of state.segments.values())
    yield { state: { kind: 'segment', state: value }, version };
  for (const { state: value, version } of state.releases.values())
    yield { state: { kind: 'release', state: value }, version };
  for (const { state: value, version } of state.keys.values())
    yield { state: { kind: 'key', state: value }, version };
}

/** The state after a change that follows on this one. */
export function applyChange(state: ProjectState, change: Change): ProjectState {
  return {
    ...applyOperations(state, change.operations, change.revision),
    revision: change.revision,
    hash: change.hash,
    time: change.time,
  };
}

/** The state at a revision, given every object that it has. */
export function stateOf(
  key: string,
  at: { readonly revision: Revision; readonly hash: string; readonly time: Instant },
  objects: Iterable<{ readonly object: ObjectState; readonly version: Revision }>,
): ProjectState {
  const draft = new StateDraft(emptyState(key));
  for (const { object, version } of objects) draft.put(object, version);
  return { ...draft.finish(), ...at };
}

/** The state with these objects put and deleted, all else as it was; what is put gets this version. */
export function applyOperations(
  state: ProjectState,
  operations: readonly Operation[],
  version: Revision,
): ProjectState {
  const next = new StateDraft(state);
  for (const operation of operations) {
    if (operation.op === 'put') next.put(operation.object, version);
    else next.delete(operation.id);
  }
  return next.finish();
}

/** Copies a table when it is first written to. */
class StateDraft {
  readonly #base: ProjectState;
  readonly #copies = new Map<string, Map<string, Stored<never>>>();
  #project: Stored<Project> | undefined;

  constructor(base: ProjectState) {
    this.#base = base;
    this.#project = base.project;
  }

  put(object: ObjectState, version: Revision): void {
    if (object.kind === 'project') {
      this.#project = { state: object.state, version };
      return;
    }
    const id = idOf(object);
    this.#table<typeof object.state>(id.kind, id.environment).set(id.key, { state: object.state, version });
  }

  delete(id: ObjectId): void {
    if (id.kind === 'project') this.#project = undefined;
    else this.#table(id.kind, id.environment).delete(id.key);
  }

  finish(): ProjectState {
    const of = <T>(kind: string, base: Table<T>) =>
      (this.#copies.get(`${kind}/`) as Table<T> | undefined) ?? base;
    const settings = new Map(this.#base.settings);
    for (const [name, table] of this.#copies)
      if (name.startsWith('settings/'))
        settings.set(name.slice('settings/'.length), table as Table<FlagSettings>);
    return {
      ...this.#base,
      project: this.#project,
      environments: of('environment', this.#base.environments),
      flags: of('flag', this.#base.flags),
      settings,
      segments: of('segment', this.#base.segments),
      releases: of('release', this.#base.releases),
      keys: of('key', this.#base.keys),
    };
  }

  #table<T>(kind: ObjectId['kind'], environment: string): Map<string, Stored<T>> {
    const name = `${kind}/${environment}`;
    let copy = this.#copies.get(name);
    if (copy === undefined) {
      copy = new Map(this.#baseTable(kind, environment)) as Map<string, Stored<never>>;
      this.#copies.set(name, copy);
    }
    return copy as unknown as Map<string, Stored<T>>;
  }

  #baseTable(kind: ObjectId['kind'], environment: string): Iterable<readonly [string, Stored<unknown>]> {
    switch (kind) {
      case 'environment':
        return this.#base.environments;
      case 'flag':
        return this.#base.flags;
      case 'settings':
        return this.#base.settings.get(environment) ?? [];
      case 'segment':
        return this.#base.segments;
      case 'release':
        return this.#base.releases;
      case 'key':
        return this.#base.keys;
      case 'project':
        return [];
    }
  }
}
