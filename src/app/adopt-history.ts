import type { Change, Head } from '../core/change.ts';
import { FlagError } from '../core/errors.ts';
import type { Revision } from '../core/model.ts';
import type { ChangeBus } from '../ports/change-bus.ts';
import type { ChangeLog } from '../ports/change-log.ts';
import type { Clock } from '../ports/clock.ts';
import type { Catalog } from './catalog.ts';
import { hashOf } from './change-hash.ts';
import type { Fleet } from './fleet.ts';
import { ADOPT, adoptionKey, adoptionsIn } from './lineage.ts';

export interface AdoptParts {
  readonly log: ChangeLog;
  readonly bus: ChangeBus;
  readonly catalog: Catalog;
  readonly clock: Clock;
  /** Knows how far other replicas have got in the history that is given up. */
  readonly fleet?: Pick<Fleet, 'view'>;
}

export interface Adoption {
  readonly project: string;
  /** Of the newest change in the log that whoever asks for this has looked at. */
  readonly headHash: string;
  readonly actor: string;
  readonly reason: string;
}

export interface Adopted {
  readonly revision: Revision;
  readonly time: string;
  /** How far the history that was given up had got, as far as is known. */
  readonly abandons: Revision;
  /** It was done before. */
  readonly replayed: boolean;
}

/**
 * Takes the log of a project as it is for the truth, also for replicas that know another history: says so in the log,
 * where each of them finds it and then reads the project anew. Rejects with `conflict` if the log's newest change is not
 * the one that was looked at, with `failed_precondition` if there is none.
 */
export async function adoptHistory(parts: AdoptParts, adoption: Adoption): Promise<Adopted> {
  const { log, bus, catalog, clock } = parts;
  const { project, headHash, actor, reason } = adoption;
  const head = await log.head(project);
  if (head === undefined) throw nothingThere(project);
  const [newest] = await log.readBack(project, head.revision + 1, 1);
  if (newest?.action === ADOPT && newest.previousHash === headHash)
    return { ...newest, abandons: newest.abandons ?? 0, replayed: true };
  if (newest === undefined || head.hash !== headHash) throw headMoved(project, head);
  const { next } = await adoptionsIn(log, project);
  const time = [new Date(clock.now()).toISOString(), newest.time].sort().at(-1) ?? newest.time;
  const unsealed: Omit<Change, 'hash'> = {
    ...{ format: 1, project, revision: head.revision + 1, action: ADOPT, actor, reason, time },
    ...{ idempotencyKey: adoptionKey(next), requestDigest: headHash, operations: [] },
    abandons: await farthest(parts, project),
    previousHash: headHash,
  };
  const change = { ...unsealed, hash: hashOf(unsealed) };
  const result = await log.append(change);
  if (result.kind !== 'appended' && !(result.kind === 'already_done' && result.change.hash === change.hash))
    throw headMoved(project, head);
  await catalog.refresh();
  bus.publish({ project, revision: change.revision, hash: change.hash, change });
  return { revision: change.revision, time: change.time, abandons: change.abandons ?? 0, replayed: false };
}

/** The highest revision that any replica that is there has of the project. */
async function farthest({ catalog, fleet }: AdoptParts, project: string): Promise<Revision> {
  const view = await fleet?.view();
  const reached = view?.replicas.map(({ applied }) => applied.get(project) ?? 0) ?? [];
  return Math.max(catalog.known(project)?.revision ?? 0, ...reached);
}

function nothingThere(project: string): FlagError {
  const message = `the log of project ${project} is empty: restore a backup, or start replicas on empty data directories`;
  return new FlagError('failed_precondition', message, { reason: 'NOTHING_TO_ADOPT', resource: project });
}

function headMoved(project: string, { revision, hash }: Head): FlagError {
  return new FlagError('conflict', `the newest change of project ${project} is another one`, {
    reason: 'HEAD_MOVED',
    metadata: { revision: String(revision), hash },
  });
}
