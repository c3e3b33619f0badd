import { toBinary, toJsonString } from '@bufbuild/protobuf';
import { DecisionSchema } from '../../../gen/vexil/v1/evaluation_pb.ts';
import type { Outcome } from '../../core/outcome.ts';
import { decisionMessage } from '../convert/decision.ts';
import { isUnknownFlag, unknownFlag } from './unknown-flag.ts';
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
    if (isUnknownFlag(outcome)) return encodedDecision(unknownFlag(outcome.flag));
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
