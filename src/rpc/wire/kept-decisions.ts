import { toBinary, toJsonString } from '@bufbuild/protobuf';
import { DecisionSchema } from '../../../gen/vexil/v1/evaluation_pb.ts';
import type { Outcome } from '../../core/outcome.ts';
import { decisionMessage } from '../convert/decision.ts';
import { errorCodes, reasons } from '../convert/enums.ts';
import { varintSize, writeVarint } from './varint.ts';

/** An outcome, encoded. */
export interface EncodedDecision {
  /** A Decision as it is in a message that holds some: a tag, the length, the fields. The tag is `ITEM_TAG`. */
  readonly item: Buffer;
  /** Where the fields begin, which are also the first fields of an EvaluateResponse. */
  readonly fieldsAt: number;
  /** The Decision as JSON, once somebody asked for it. */
  text: string | undefined;
  /** The last answer to Evaluate, and its revision: left here by whoever made it. */
  answer: Buffer | undefined;
  answerRevision: number;
}

/** Field 1, length-delimited. */
export const ITEM_TAG = 0x0a;

const FLAG_KEY_TAG = 0x0a;
const REASON_TAG = 0x38;
const ERROR_CODE_TAG = 0x40;

/** What an entry takes beside its bytes: the objects around them. */
const OVERHEAD_BYTES = 500;

/**
 * Keeps outcomes encoded, each as long as there is the outcome. When `maxBytes` are kept everything is forgotten, so that
 * many large values cannot take all the memory.
 */
export class KeptDecisions {
  readonly #maxBytes: number;
  #kept = new WeakMap<Outcome, EncodedDecision>();
  #leftBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#leftBytes = maxBytes;
  }

  of(outcome: Outcome): EncodedDecision {
    return this.#kept.get(outcome) ?? this.#encode(outcome);
  }

  /** The Decision as JSON. */
  textOf(outcome: Outcome): string {
    const encoded = this.of(outcome);
    encoded.text ??= toJsonString(DecisionSchema, decisionMessage(outcome));
    return encoded.text;
  }

  #encode(outcome: Outcome): EncodedDecision {
    // Made for one call, and never seen again.
    if (outcome.errorCode === 'FLAG_NOT_FOUND' && outcome.flagVersion === 0)
      return encodedDecision(unknownFlag(outcome.flag));
    const encoded = encodedDecision(toBinary(DecisionSchema, decisionMessage(outcome)));
    // The fields are there again in an answer and in the text.
    const bytes = 3 * encoded.item.length + OVERHEAD_BYTES;
    if (bytes > this.#leftBytes) {
      this.#kept = new WeakMap();
      this.#leftBytes = this.#maxBytes;
    }
    if (bytes <= this.#leftBytes) {
      this.#leftBytes -= bytes;
      this.#kept.set(outcome, encoded);
    }
    return encoded;
  }
}

/** Those of all calls of this process. */
export const keptDecisions = new KeptDecisions(64 * 1024 * 1024);

function encodedDecision(fields: Uint8Array): EncodedDecision {
  const fieldsAt = 1 + varintSize(fields.length);
  const item = Buffer.allocUnsafeSlow(fieldsAt + fields.length);
  item[0] = ITEM_TAG;
  writeVarint(item, 1, fields.length);
  item.set(fields, fieldsAt);
  return { item, fieldsAt, text: undefined, answer: undefined, answerRevision: 0 };
}

/** The fields of a Decision about a flag that does not exist. */
function unknownFlag(flag: string): Uint8Array {
  const keyLength = Buffer.byteLength(flag);
  const keyAt = 1 + varintSize(keyLength);
  const key = keyLength === 0 ? 0 : keyAt + keyLength;
  const fields = Buffer.allocUnsafe(key + 4);
  if (key > 0) {
    fields[0] = FLAG_KEY_TAG;
    fields.write(flag, writeVarint(fields, 1, keyLength));
  }
  fields[key] = REASON_TAG;
  fields[key + 1] = reasons.toWire('ERROR');
  fields[key + 2] = ERROR_CODE_TAG;
  fields[key + 3] = errorCodes.toWire('FLAG_NOT_FOUND');
  return fields;
}
