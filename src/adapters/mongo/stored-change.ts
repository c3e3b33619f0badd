import { BSON, Long } from 'mongodb';
import type { Change, Head } from '../../core/change.ts';
import { changeText, damaged, readChange, tooNew } from '../../core/change-text.ts';
import { tooLarge } from './mongo-errors.ts';

/** The format of documents in `changes`. */
const FORMAT = 1;

const MAX_DOCUMENT_BYTES = 16 * 2 ** 20;

/**
 * A change in the collection: `body` is all of it, the rest is for indexes and for people. Nothing of what callers wrote
 * is ever the name of a field.
 */
export interface ChangeDocument {
  readonly format: number;
  readonly project: string;
  readonly revision: Long | number;
  readonly action: string;
  readonly actor: string;
  readonly reason: string;
  readonly time: string;
  readonly idempotencyKey: string;
  readonly hash: string;
  readonly body: string;
}

/** Rejects as `exhausted` what no document can hold, as `invalid` what JSON cannot. */
export function documentOf(change: Change): ChangeDocument {
  const body = changeText(change);
  const { project, revision, action, actor, reason, time, idempotencyKey, hash } = change;
  const document: ChangeDocument = {
    format: FORMAT,
    project,
    revision: Long.fromNumber(revision),
    ...{ action, actor, reason, time, idempotencyKey, hash, body },
  };
  // What is far too large would not even be counted.
  if (body.length > MAX_DOCUMENT_BYTES || BSON.calculateObjectSize(document) > MAX_DOCUMENT_BYTES)
    throw tooLarge();
  return document;
}

/** Rejects with LOG_DAMAGED what is not a change of the document's project and revision. */
export function changeOf({ format, project, revision, hash, body }: ChangeDocument): Change {
  const at = Number(revision);
  if (typeof format === 'number' && format > FORMAT) throw tooNew(project, at, format);
  if (format !== FORMAT || typeof body !== 'string') throw damaged(project, at);
  const change = readChange(body, project, at);
  if (change.hash !== hash) throw damaged(project, at);
  return change;
}

export function headOf({ project, revision, hash }: ChangeDocument): Head {
  if (typeof hash !== 'string') throw damaged(project, Number(revision));
  return { project, revision: Number(revision), hash };
}
