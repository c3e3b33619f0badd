import { tooManyAttributes } from '../../app/decisions.ts';
import { EMPTY_CONTEXT } from '../../core/context.ts';
import { NESTING } from '../convert/reading.ts';
import type { ContextQuery } from './queries.ts';
import { DEEPEST_MESSAGE, WireError, type WireReader } from './wire-reader.ts';

/** A JSON value that is still being read: a field that comes twice adds to what came first. */
type Draft = null | boolean | number | string | Draft[] | DraftObject;
interface DraftObject {
  [name: string]: Draft;
}

/** A Context while its message is read, of which there may be several pieces. */
export class ContextDraft {
  #targetingKey = '';
  #attributes: DraftObject | undefined;
  #entries = 0;
  readonly #maxEntries: number;
  /** JSON can say what was read so far, as far as it is known without looking at it as a whole. */
  #isSound = true;

  /** Throws a FlagError at the first attribute that is too many, before anything is made of it. */
  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  /** What was read. */
  query(): ContextQuery {
    return {
      context: { targetingKey: this.#targetingKey, attributes: this.#attributes ?? EMPTY_CONTEXT.attributes },
      soundAttributes: this.#isSound ? this.#entries : Number.POSITIVE_INFINITY,
    };
  }

  /** Reads a Context that is so deep in other messages: 1 is the outermost. */
  read(reader: WireReader, depth: number): void {
    const end = reader.uint32() + reader.at;
    while (reader.at < end) {
      const tag = reader.tag();
      switch (tag >>> 3) {
        case 1:
          this.#targetingKey = reader.text();
          break;
        case 2:
          this.#attributes ??= {};
          this.#readStruct(reader, this.#attributes, depth + 1, 0);
          break;
        default:
          reader.skip(tag, DEEPEST_MESSAGE - depth);
      }
    }
  }

  /** Reads a google.protobuf.Struct. `nesting` is that of the object in the attributes, which have 0. */
  #readStruct(reader: WireReader, object: DraftObject, depth: number, nesting: number): void {
    const end = lengthAt(reader, depth) + reader.at;
    while (reader.at < end) {
      const tag = reader.tag();
      if (tag >>> 3 === 1) this.#readEntry(reader, object, depth, nesting);
      else reader.skip(tag, DEEPEST_MESSAGE - depth);
    }
  }

  #readEntry(reader: WireReader, object: DraftObject, depth: number, nesting: number): void {
    const end = reader.uint32() + reader.at;
    if (nesting === 0 && ++this.#entries > this.#maxEntries) throw tooManyAttributes(this.#maxEntries);
    let name = '';
    let value: Draft = null;
    while (reader.at < end) {
      const tag = reader.tag();
      switch (tag >>> 3) {
        case 1:
          name = reader.name();
          break;
        case 2:
          value = this.#readValue(reader, value, depth + 1, nesting + 1);
          break;
        default:
          reader.skip(tag, DEEPEST_MESSAGE - depth);
      }
    }
    if (nesting >= NESTING) this.#isSound = false;
    if (name === '__proto__') defineOwn(object, name, value);
    else object[name] = value;
  }

  /** Reads a google.protobuf.Value. One without a kind is null. */
  #readValue(reader: WireReader, first: Draft, depth: number, nesting: number): Draft {
    const end = lengthAt(reader, depth) + reader.at;
    let value = first;
    while (reader.at < end) {
      const tag = reader.tag();
      switch (tag >>> 3) {
        case 1:
          reader.uint32();
          value = null;
          break;
        case 2:
          value = reader.double();
          if (!Number.isFinite(value)) this.#isSound = false;
          break;
        case 3:
          value = reader.name();
          break;
        case 4:
          value = reader.bool();
          break;
        case 5:
          value = isObject(value) ? value : {};
          this.#readStruct(reader, value, depth + 1, nesting);
          break;
        case 6:
          value = Array.isArray(value) ? value : [];
          this.#readList(reader, value, depth + 1, nesting);
          break;
        default:
          reader.skip(tag, DEEPEST_MESSAGE - depth);
      }
    }
    return value;
  }

  /** Reads a google.protobuf.ListValue. */
  #readList(reader: WireReader, list: Draft[], depth: number, nesting: number): void {
    const end = lengthAt(reader, depth) + reader.at;
    if (nesting >= NESTING) this.#isSound = false;
    while (reader.at < end) {
      const tag = reader.tag();
      if (tag >>> 3 === 1) list.push(this.#readValue(reader, null, depth + 1, nesting + 1));
      else reader.skip(tag, DEEPEST_MESSAGE - depth);
    }
  }
}

/** The length of an embedded message, which begins after it. */
function lengthAt(reader: WireReader, depth: number): number {
  if (depth > DEEPEST_MESSAGE) throw new WireError('messages are nested too deep');
  return reader.uint32();
}

function isObject(value: Draft): value is DraftObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An own property, also of a name that is special to the engine. */
function defineOwn(object: DraftObject, name: string, value: Draft): void {
  Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
}
