import { createHash } from 'node:crypto';
import { canonicalJson } from '../core/canonical-json.ts';
import { type Change, type Head, idOf, idString } from '../core/change.ts';
import { changeText } from '../core/change-text.ts';
import { FlagError } from '../core/errors.ts';
import type { ChangeLog } from '../ports/change-log.ts';
import { PastStates } from './past-states.ts';
import { objectsOf } from './project-state.ts';
import { problemOf } from './verify-history.ts';

const PAGE = 100;

/** All that is asked of a log before anything is copied there. */
export type ReadableLog = Pick<ChangeLog, 'head' | 'read'>;

/** A project's history, and how much of it is at the other place already. */
export interface Comparison {
  readonly project: string;
  readonly head: Head;
  /** The first so many revisions. */
  readonly present: number;
}

export interface Proof {
  /** The objects that the history leads to, in both places. */
  readonly objects: number;
}

export interface MigrationOptions {
  /** Between two changes; what was copied until then stays, and is gone on from by the next attempt. */
  readonly signal?: AbortSignal;
  /** Hears how far the copying has got, every hundred revisions and at the end. */
  readonly copied?: (project: string, revision: number, of: number) => void;
}

/**
 * Walks a project's history in `from`, and what there is of it in `to`. Rejects with `failed_precondition` where the
 * chain of hashes is broken, with `conflict` if `to` holds anything but the beginning of that very history.
 */
export async function compareHistory(
  from: ReadableLog,
  to: ReadableLog,
  project: string,
  options: MigrationOptions = {},
): Promise<Comparison> {
  const [head, reached] = [await from.head(project), await to.head(project)];
  if (head === undefined) throw new FlagError('not_found', `there is no history of project ${project}`);
  if (reached !== undefined && reached.revision > head.revision) throw isAhead(project, head, reached);
  const present = reached?.revision ?? 0;
  const copies = changesAfter(to, project, 0, options);
  for await (const change of checkedChanges(from, project, undefined, options)) {
    if (change.revision > present) continue;
    const copy = await copies.next();
    if (copy.done === true || changeText(copy.value) !== changeText(change))
      throw otherHistory(project, change.revision);
  }
  return { project, head, present };
}

/**
 * Appends what is missing in `to`, change by change as it is. Rejects with `conflict` when somebody else writes there;
 * after any failure it can be begun again with a new comparison.
 */
export async function copyHistory(
  from: ReadableLog,
  to: ChangeLog,
  { project, head, present }: Comparison,
  options: MigrationOptions = {},
): Promise<void> {
  const [last] = present === 0 ? [] : await from.read(project, present - 1, 1);
  for await (const change of checkedChanges(from, project, last, options)) {
    if (change.revision > head.revision) break;
    const result = await to.append(change);
    const isThere =
      result.kind === 'appended' ||
      (result.kind === 'already_done' && changeText(result.change) === changeText(change));
    if (!isThere) throw otherHistory(project, change.revision);
    if (change.revision % PAGE === 0 || change.revision === head.revision)
      options.copied?.(project, change.revision, head.revision);
  }
}

/**
 * Reads both places again, from the first change on. Rejects unless they hold the same history, up to the head that was
 * compared and no further, and the same objects come of it.
 */
export async function proveCopy(
  from: ChangeLog,
  to: ChangeLog,
  { project, head }: Comparison,
  options: MigrationOptions = {},
): Promise<Proof> {
  const { head: now, present } = await compareHistory(from, to, project, options);
  if (now.hash !== head.hash || now.revision !== head.revision) throw writtenMeanwhile(project);
  const reached = await to.head(project);
  if (present !== head.revision || reached?.hash !== head.hash)
    throw new FlagError('failed_precondition', `project ${project} did not arrive whole`);
  const [original, copy] = [await outcomeOf(from, head), await outcomeOf(to, head)];
  if (original.digest !== copy.digest)
    throw new FlagError('failed_precondition', `the copy of project ${project} leads to other objects`);
  return { objects: copy.objects };
}

/** Each change after `last`, once it is known to follow on the one before. */
async function* checkedChanges(
  log: ReadableLog,
  project: string,
  last: Change | undefined,
  options: MigrationOptions,
): AsyncGenerator<Change, undefined> {
  let place = last ?? { revision: 0, hash: '', time: '' };
  for await (const change of changesAfter(log, project, place.revision, options)) {
    const problem = problemOf(change, project, place);
    if (problem !== undefined) throw isBroken(project, place.revision + 1, problem);
    yield change;
    place = change;
  }
}

async function* changesAfter(
  log: ReadableLog,
  project: string,
  after: number,
  { signal }: MigrationOptions,
): AsyncGenerator<Change, undefined> {
  for (let last = after; ; ) {
    const page = await log.read(project, last, PAGE);
    for (const change of page) {
      if (signal?.aborted) throw new FlagError('cancelled', 'stopped on the way; it can be gone on with');
      yield change;
      last = change.revision;
    }
    if (page.length === 0) return undefined;
  }
}

/** What a history leads to, in one word. */
async function outcomeOf(log: ChangeLog, { project, revision }: Head) {
  const state = await new PastStates(log).at(project, revision);
  const objects = [...objectsOf(state)].map(({ state: object, version }) => ({
    name: idString(idOf(object)),
    text: canonicalJson({ object, version }),
  }));
  objects.sort((a, b) => (a.name < b.name ? -1 : 1));
  const digest = createHash('sha256');
  for (const { text } of objects) digest.update(`${text}\n`);
  return { objects: objects.length, digest: digest.digest('hex') };
}

function isBroken(project: string, revision: number, problem: string): FlagError {
  const message = `the history of project ${project} is broken at revision ${revision}: ${problem}`;
  return new FlagError('failed_precondition', message);
}

function otherHistory(project: string, revision: number): FlagError {
  const message = `project ${project} has another history where it is to go, from revision ${revision} on: nothing is overwritten`;
  return new FlagError('conflict', message);
}

function isAhead(project: string, head: Head, reached: Head): FlagError {
  const message = `project ${project} is at revision ${reached.revision} where it is to go, and at ${head.revision} where it comes from: it was written there since`;
  return new FlagError('conflict', message);
}

function writtenMeanwhile(project: string): FlagError {
  const message = `project ${project} was written while it was copied: stop every server first, then go on`;
  return new FlagError('conflict', message);
}
