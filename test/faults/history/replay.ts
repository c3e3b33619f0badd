import { snapshotOf } from '../../../src/app/environment-snapshot.ts';
import { stateOf } from '../../../src/app/project-state.ts';
import { shapeProblem } from '../../../src/app/stored-object.ts';
import { type Change, idOf, idString, type ObjectState } from '../../../src/core/change.ts';
import type { Context } from '../../../src/core/context.ts';
import { Evaluation } from '../../../src/core/evaluation.ts';
import { type Instant, initialSettings } from '../../../src/core/model.ts';
import type { Snapshot } from '../../../src/core/snapshot.ts';
import { ObjectSet } from './digest.ts';
import type { ObjectSeen, ViewSeen } from './history.ts';
import { decisionWitness, flagContent, flagWitness, releaseWitness, segmentWitness } from './witness.ts';

interface Kept {
  readonly object: ObjectState;
  readonly version: number;
}

/** A project as its log leads to it, one change after the other, in the plainest way there is. */
export class Replay {
  readonly #objects = new Map<string, Kept>();
  #revision = 0;
  #last: Change | undefined;

  get revision(): number {
    return this.#revision;
  }

  /** The version of an object; 0 for one that is not there. */
  versionOf(id: string): number {
    return this.#objects.get(id)?.version ?? 0;
  }

  /** The ids of what it changes. An object that cannot be understood stays as it was. */
  apply(change: Change): string[] {
    this.#revision = change.revision;
    this.#last = change;
    return change.operations.map((operation) => {
      const id = idString(operation.op === 'put' ? idOf(operation.object) : operation.id);
      if (operation.op === 'delete') this.#objects.delete(id);
      else if (shapeProblem(operation.object) === undefined)
        this.#objects.set(id, { object: operation.object, version: change.revision });
      return id;
    });
  }

  /** What is planned for flags that can serve, in words, with its time. */
  *planned(): Generator<readonly [what: string, at: Instant]> {
    for (const { object } of this.#objects.values()) {
      if (object.kind !== 'settings') continue;
      const flag = this.#objects.get(`flag//${object.state.flag}`)?.object;
      if (flag?.kind !== 'flag' || flag.state.status === 'archived') continue;
      for (const { id, at } of object.state.scheduledChanges)
        yield [`${id} of ${object.state.flag} in ${object.environment}`, at];
    }
  }

  /** The environment, compiled anew from everything. */
  snapshot(environment: string): Snapshot {
    const { project = '', hash = '', time = '' } = this.#last ?? {};
    return snapshotOf(
      stateOf(project, { revision: this.#revision, hash, time }, this.#objects.values()),
      environment,
    );
  }

  /** What a watcher of definitions has of the object; undefined if there is nothing to have. */
  definition(environment: string, kind: 'flag' | 'segment' | 'release', key: string): ObjectSeen | undefined {
    const { object, version = 0 } = this.#objects.get(`${kind}//${key}`) ?? {};
    const id = `${kind} ${key}`;
    if (object?.kind === 'segment')
      return object.state.archived ? undefined : { id, version, witness: segmentWitness(object.state) };
    if (object?.kind === 'release')
      return object.state.state === 'active'
        ? { id, version, witness: releaseWitness(object.state) }
        : undefined;
    if (object?.kind !== 'flag' || object.state.status === 'archived') return undefined;
    const settings = this.#objects.get(`settings/${environment}/${key}`);
    const state = settings?.object.kind === 'settings' ? settings.object.state : initialSettings(key);
    const witness = flagWitness(flagContent(object.state, state));
    return { id, version: Math.max(version, settings?.version ?? 0), witness };
  }
}

/** What an evaluation has to answer. */
export function decisionIn(snapshot: Snapshot, flag: string, context: Context): ObjectSeen {
  const outcome = new Evaluation(snapshot, context, 0).flag(flag);
  return { id: `decision ${flag}`, version: outcome.flagVersion, witness: decisionWitness(outcome) };
}

/** What a watcher has to have at each revision. */
export interface Expected {
  /** By revision, from 0. */
  readonly digests: readonly bigint[];
  /** The set itself, worked out again: for words. */
  at(revision: number): ObjectSet;
}

export function expectedOf(log: readonly Change[], environment: string, view: ViewSeen): Expected {
  const run = (upTo: number, after: (set: ObjectSet) => void): ObjectSet => {
    const replay = new Replay();
    const set = new ObjectSet();
    for (const change of log.slice(0, upTo)) {
      const ids = replay.apply(change);
      if (view.kind === 'definitions') refresh(set, replay, environment, ids);
      else decideAgain(set, replay, environment, view.context);
      after(set);
    }
    return set;
  };
  const digests = [0n];
  run(log.length, ({ digest }) => digests.push(digest));
  return { digests, at: (revision) => run(revision, () => undefined) };
}

function refresh(set: ObjectSet, replay: Replay, environment: string, ids: readonly string[]): void {
  for (const id of ids) {
    const [kind, place, key = ''] = id.split('/');
    const of = kind === 'settings' ? 'flag' : kind;
    if (
      (kind === 'settings' && place !== environment) ||
      (of !== 'flag' && of !== 'segment' && of !== 'release')
    )
      continue;
    const seen = replay.definition(environment, of, key);
    if (seen === undefined) set.delete(`${of} ${key}`);
    else set.put(seen);
  }
}

function decideAgain(set: ObjectSet, replay: Replay, environment: string, context: Context): void {
  const snapshot = replay.snapshot(environment);
  const gone = new Set([...set.values()].map(({ id }) => id));
  for (const flag of snapshot.flags.keys()) {
    const seen = decisionIn(snapshot, flag, context);
    gone.delete(seen.id);
    set.put(seen);
  }
  for (const id of gone) set.delete(id);
}
