import type { Change } from '../../core/change.ts';
import { FlagError } from '../../core/errors.ts';
import { numberOf, type Row, textOf } from './columns.ts';

const TEXTS = [
  'action',
  'actor',
  'reason',
  'time',
  'idempotencyKey',
  'requestDigest',
  'previousHash',
  'hash',
] as const;

/**
 * The change in a row's `body`. Rejects with LOG_DAMAGED unless it is JSON with the fields of a change and belongs
 * to the `project` and `revision` of its row; what the operations hold is for others to judge.
 */
export function changeOf(row: Row): Change {
  const project = textOf(row, 'project');
  const revision = numberOf(row, 'revision');
  const change = parse(textOf(row, 'body'));
  if (!isChange(change) || change.project !== project || change.revision !== revision)
    throw damaged(project, revision);
  return change;
}

/** That the log of this project cannot be read at this revision. */
export function damaged(project: string, revision: number): FlagError {
  return new FlagError('unavailable', `the log of project ${project} is damaged at revision ${revision}`, {
    reason: 'LOG_DAMAGED',
    resource: project,
    metadata: { project, revision: String(revision) },
  });
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function isChange(value: unknown): value is Change {
  if (typeof value !== 'object' || value === null) return false;
  const fields = new Map<string, unknown>(Object.entries(value));
  return (
    fields.get('format') === 1 &&
    Array.isArray(fields.get('operations')) &&
    TEXTS.every((name) => typeof fields.get(name) === 'string')
  );
}
