import type { ErrorCode, Reason } from '../core/outcome.ts';
import { countIn, type Entry, keyIn, listIn, oneIn, setOf, textIn, unreadable } from './batch-fields.ts';
import { BATCH_LIMITS } from './batch-tables.ts';
import type { RecordedEvaluation } from './exposure-store.ts';

export type OutcomeFields = Pick<
  RecordedEvaluation,
  'flag' | 'flagVersion' | 'variation' | 'reason' | 'ruleId' | 'errorCode'
>;

/** The outcomes of one place of a list; undefined for an answer that was not to be recorded. */
export type Place = readonly (OutcomeFields | undefined)[];

const REASONS = setOf<Reason>({
  ...{ DEFAULT: 0, DISABLED: 0, HALTED: 0, RELEASE_OVERRIDE: 0, DEPENDENCY_UNMET: 0 },
  ...{ TARGETING_MATCH: 0, SEGMENT_MATCH: 0, SPLIT: 0, ERROR: 0 },
});
const ERROR_CODES = setOf<ErrorCode>({
  ...{ FLAG_NOT_FOUND: 0, TYPE_MISMATCH: 0, PARSE_ERROR: 0, TARGETING_KEY_MISSING: 0 },
  ...{ INVALID_CONTEXT: 0, PROVIDER_NOT_READY: 0, GENERAL: 0 },
});

export function outcomeIn(value: unknown): OutcomeFields {
  const [flag, version, variation, reason, ruleId, errorCode] = listIn(value, 'outcome');
  const outcome = {
    flag: keyIn(flag, 'flag'),
    flagVersion: countIn(version, 'flag version'),
    variation: textIn(variation, 'variation'),
    reason: oneIn(REASONS, reason, 'reason'),
    ruleId: textIn(ruleId, 'rule'),
  };
  return errorCode === undefined
    ? outcome
    : { ...outcome, errorCode: oneIn(ERROR_CODES, errorCode, 'error code') };
}

/** Inflates (raw) bytes that are not trusted. Throws when they are none, or become more than so many. */
export type Inflate = (bytes: Uint8Array, mostBytes: number) => Uint8Array;

/** All lists. Throws `invalid` before they have more than `most` places, or more bytes than a batch may have. */
export function listsIn(values: Entry, most: number, inflate: Inflate): readonly (readonly Place[])[] {
  let places = 0;
  let bytes: number = BATCH_LIMITS.bytes;
  return values.map((value) => {
    const text = typeof value === 'string' ? unpacked(value, bytes, inflate) : undefined;
    bytes -= text?.length ?? 0;
    const list = listIn(text === undefined ? value : parsed(text), 'list');
    places += list.length;
    if (places > most) throw unreadable('there are too many places');
    return list.map((place) =>
      listIn(place, 'place of a list').map((outcome) => (outcome === null ? undefined : outcomeIn(outcome))),
    );
  });
}

function unpacked(text: string, most: number, inflate: Inflate): string {
  try {
    return new TextDecoder().decode(inflate(Buffer.from(text, 'base64'), Math.max(1, most)));
  } catch (cause) {
    throw unreadable('a list cannot be unpacked', cause);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw unreadable('a list is not JSON', cause);
  }
}
