import { canonicalJson } from './canonical-json.ts';
import type { Change } from './change.ts';
import { FlagError } from './errors.ts';

/** How a change is kept: as its one JSON text, whatever the store, so that it comes back to the last code point. */

const FORMAT = 1;

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

/** The text of a change. Rejects as `invalid` what JSON cannot hold, and what a store could not look up exactly. */
export function changeText(change: Change): string {
  if (!change.project.isWellFormed() || !change.idempotencyKey.isWellFormed())
    throw new FlagError('invalid', 'a project and an idempotency key must be well-formed text');
  return canonicalJson(change);
}

/**
 * The change in a text. Rejects with LOG_DAMAGED unless it is JSON with the fields of a change and belongs to this
 * `project` and `revision`; what the operations hold is for others to judge.
 */
export function readChange(text: string, project: string, revision: number): Change {
  const change = parse(text);
  const format = formatOf(change);
  if (format !== undefined && format > FORMAT) throw tooNew(project, revision, format);
  if (!isChange(change) || change.project !== project || change.revision !== revision)
    throw damaged(project, revision);
  return change;
}

/** That the log of this project cannot be read at this revision. */
export function damaged(project: string, revision: number): FlagError {
  return unreadable(`the log of project ${project} is damaged at revision ${revision}`, project, revision);
}

/** That a newer version of this program wrote it, in a format that this one does not know. */
export function tooNew(project: string, revision: number, format: number): FlagError {
  const message = `revision ${revision} of project ${project} has format ${format}, and this program knows ${FORMAT} at most: use a newer one`;
  return unreadable(message, project, revision, { format: String(format) });
}

function unreadable(message: string, project: string, revision: number, more = {}): FlagError {
  return new FlagError('unavailable', message, {
    reason: 'LOG_DAMAGED',
    resource: project,
    metadata: { project, revision: String(revision), ...more },
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function formatOf(value: unknown): number | undefined {
  if (typeof value !== 'object' || value === null || !('format' in value)) return undefined;
  return typeof value.format === 'number' ? value.format : undefined;
}

function isChange(value: unknown): value is Change {
  if (typeof value !== 'object' || value === null) return false;
  const fields = new Map<string, unknown>(Object.entries(value));
  return (
    fields.get('format') === FORMAT &&
    Array.isArray(fields.get('operations')) &&
    TEXTS.every((name) => typeof fields.get(name) === 'string')
  );
}
