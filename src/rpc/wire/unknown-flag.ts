import type { Outcome } from '../../core/outcome.ts';
import { errorCodes, reasons } from '../convert/enums.ts';
import { varintSize, writeVarint } from './varint.ts';

/** Decisions about flags that do not exist. Somebody may ask for any number of them, so each is written anew. */

const FLAG_KEY_TAG = 0x0a;
/** What is the same in all of them: the reason and the error code, each of one byte behind its tag. */
const REST = Buffer.from([0x38, reasons.toWire('ERROR'), 0x40, errorCodes.toWire('FLAG_NOT_FOUND')]);

/** Whether the outcome says nothing else, as those that are made for one call and never seen again. */
export function isUnknownFlag(outcome: Outcome): boolean {
  if (outcome.errorCode !== 'FLAG_NOT_FOUND') return false;
  const { reason, value, variation, detail, ruleId, flagVersion, isStatic } = outcome;
  return (
    reason === 'ERROR' &&
    value === undefined &&
    `${variation}${detail}${ruleId}` === '' &&
    flagVersion === 0 &&
    !isStatic
  );
}

/** How many bytes the fields take with a key that takes so many. */
export function unknownFlagSize(keyLength: number): number {
  return (keyLength === 0 ? 0 : 1 + varintSize(keyLength) + keyLength) + REST.length;
}

/** Writes the fields of the Decision, which are also those of an EvaluateResponse. */
export function writeUnknownFlag(bytes: Buffer, at: number, flag: string, keyLength: number): void {
  let next = at;
  if (keyLength > 0) {
    bytes[next] = FLAG_KEY_TAG;
    next = writeVarint(bytes, next + 1, keyLength);
    next += bytes.write(flag, next);
  }
  bytes.set(REST, next);
}

/** The fields by themselves. */
export function unknownFlag(flag: string): Buffer {
  const keyLength = Buffer.byteLength(flag);
  const fields = Buffer.allocUnsafe(unknownFlagSize(keyLength));
  writeUnknownFlag(fields, 0, flag, keyLength);
  return fields;
}
