import type { Outcome } from '../../core/outcome.ts';
import { type Codec, ENVELOPE_BYTES } from '../hot/hot-method.ts';
import { keptDecisions } from './kept-decisions.ts';
import type { StreamQuery } from './queries.ts';
import { varint64Size, varintSize, writeEnvelope, writeVarint, writeVarint64 } from './varint.ts';

const ID_TAG = 0x08;
const DECISION_TAG = 0x12;
const REVISION_TAG = 0x18;

const FIRST_BYTES = 512;

/**
 * Collects answers of one EvaluateStream, each in its envelope, so that what one read brought goes out in one write. They
 * are what the generic serializer makes of an EvaluateStreamResponse. Holds no memory while nothing is collected.
 */
export class StreamAnswers {
  readonly #codec: Codec;
  #bytes: Buffer | undefined;
  #length = 0;

  constructor(codec: Codec) {
    this.#codec = codec;
  }

  /** Of all that was added and not taken. */
  get length(): number {
    return this.#length;
  }

  add(query: Pick<StreamQuery, 'idLow' | 'idHigh'>, outcome: Outcome, revision: number): void {
    if (this.#codec === 'json') this.#addText(textOf(query, outcome, revision));
    else this.#addFields(query, outcome, revision);
  }

  /** All answers since the last time, for the taker to keep; empty if there are none. */
  take(): Buffer {
    const taken = this.#bytes?.subarray(0, this.#length) ?? NONE;
    this.#bytes = undefined;
    this.#length = 0;
    return taken;
  }

  #addFields({ idLow, idHigh }: Pick<StreamQuery, 'idLow' | 'idHigh'>, outcome: Outcome, revision: number) {
    const { item } = keptDecisions.of(outcome);
    const hasId = idLow !== 0 || idHigh !== 0;
    const idSize = hasId ? 1 + varint64Size(idLow, idHigh) : 0;
    const revisionSize = revision === 0 ? 0 : 1 + varintSize(revision);
    const length = idSize + item.length + revisionSize;
    const bytes = this.#roomFor(ENVELOPE_BYTES + length);
    let at = writeEnvelope(bytes, this.#length, length);
    if (hasId) {
      bytes[at] = ID_TAG;
      at = writeVarint64(bytes, at + 1, idLow, idHigh);
    }
    bytes.set(item, at);
    bytes[at] = DECISION_TAG;
    at += item.length;
    if (revision !== 0) {
      bytes[at] = REVISION_TAG;
      at = writeVarint(bytes, at + 1, revision);
    }
    this.#length = at;
  }

  #addText(text: string): void {
    const length = Buffer.byteLength(text);
    const bytes = this.#roomFor(ENVELOPE_BYTES + length);
    const at = writeEnvelope(bytes, this.#length, length);
    this.#length = at + bytes.write(text, at);
  }

  #roomFor(more: number): Buffer {
    const needed = this.#length + more;
    if (this.#bytes !== undefined && this.#bytes.length >= needed) return this.#bytes;
    const larger = Buffer.allocUnsafe(Math.max(FIRST_BYTES, needed, 2 * (this.#bytes?.length ?? 0)));
    this.#bytes?.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
    return larger;
  }
}

const NONE = Buffer.alloc(0);

function textOf(
  { idLow, idHigh }: Pick<StreamQuery, 'idLow' | 'idHigh'>,
  outcome: Outcome,
  revision: number,
) {
  const id = (BigInt(idHigh >>> 0) << 32n) | BigInt(idLow >>> 0);
  const members = [`"decision":${keptDecisions.textOf(outcome)}`];
  if (id !== 0n) members.unshift(`"id":"${id}"`);
  if (revision !== 0) members.push(`"revision":"${revision}"`);
  return `{${members.join(',')}}`;
}
