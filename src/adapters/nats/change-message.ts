import type { Change } from '../../core/change.ts';
import type { ChangeNotice } from '../../ports/change-bus.ts';

/** A change whose message would be larger is left out: whoever needs it reads the log. */
const LARGEST_INLINE_BYTES = 65_536;

const TEXTS = [
  ...['action', 'actor', 'reason', 'time', 'project'],
  ...['idempotencyKey', 'requestDigest', 'previousHash', 'hash'],
] as const;

/** A notice as bytes, with its change if that is small. */
export function encodeNotice(notice: ChangeNotice): Uint8Array {
  const { project, revision, hash } = notice;
  const whole = Buffer.from(JSON.stringify(notice));
  return whole.length <= LARGEST_INLINE_BYTES
    ? whole
    : Buffer.from(JSON.stringify({ project, revision, hash }));
}

/**
 * The notice in a message; undefined if there is none. A change that is not the one that is announced, or of a shape
 * that is not known, is left out.
 */
export function decodeNotice(body: Uint8Array): ChangeNotice | undefined {
  const fields = fieldsOf(parse(body));
  const { project, revision, hash } = Object.fromEntries(fields);
  if (typeof project !== 'string' || typeof hash !== 'string') return undefined;
  if (typeof revision !== 'number' || !Number.isSafeInteger(revision) || revision < 0) return undefined;
  const change = fields.get('change');
  const isAnnounced =
    isChange(change) && change.project === project && change.revision === revision && change.hash === hash;
  return { project, revision, hash, ...(isAnnounced && { change }) };
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}

function isChange(value: unknown): value is Change {
  const fields = fieldsOf(value);
  return (
    fields.get('format') === 1 &&
    Array.isArray(fields.get('operations')) &&
    TEXTS.every((name) => typeof fields.get(name) === 'string')
  );
}

function fieldsOf(value: unknown): ReadonlyMap<string, unknown> {
  return new Map(typeof value === 'object' && value !== null ? Object.entries(value) : []);
}
