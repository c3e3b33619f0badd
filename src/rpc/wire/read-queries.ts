import type { FlagType as WireFlagType } from '../../../gen/vexil/v1/definitions_pb.ts';
import type { FlagType } from '../../core/model.ts';
import { flagTypes } from '../convert/enums.ts';
import {
  type ClientQuery,
  type EvaluateAllQuery,
  type EvaluateQuery,
  type HandshakeQuery,
  NO_CONTEXT,
  type StreamQuery,
} from './queries.ts';
import { ContextDraft } from './read-context.ts';
import { DEEPEST_MESSAGE, WireReader } from './wire-reader.ts';

/**
 * Requests of EvaluationService, read from their bytes with no message object between. Each function throws a WireError
 * where the generic parser would throw, and returns what `query-of.ts` makes of the message that it would give. Of a
 * context with too many attributes it reads no more than those that it may have, and throws a FlagError: one that comes
 * twice counts twice.
 */

/** For groups in the outermost message. */
const DEPTH_LEFT = DEEPEST_MESSAGE - 1;

export function readEvaluate(bytes: Uint8Array, maxAttributes = Number.POSITIVE_INFINITY): EvaluateQuery {
  const reader = new WireReader(bytes);
  let flagKey = '';
  let context: ContextDraft | undefined;
  let expectedType = 0;
  let explain = false;
  let minRevision = 0;
  let environment = '';
  while (reader.at < bytes.length) {
    const tag = reader.tag();
    switch (tag >>> 3) {
      case 1:
        flagKey = reader.name();
        break;
      case 2:
        context = readContext(reader, context, maxAttributes);
        break;
      case 3:
        expectedType = reader.uint32();
        break;
      case 4:
        explain = reader.bool();
        break;
      case 5:
        minRevision = readRevision(reader);
        break;
      case 6:
        environment = reader.text();
        break;
      default:
        reader.skip(tag, DEPTH_LEFT);
    }
  }
  const asked = context?.query() ?? NO_CONTEXT;
  return { flagKey, context: asked, expectedType: typeOf(expectedType), explain, minRevision, environment };
}

export function readEvaluateAll(
  bytes: Uint8Array,
  maxAttributes = Number.POSITIVE_INFINITY,
): EvaluateAllQuery {
  const reader = new WireReader(bytes);
  let context: ContextDraft | undefined;
  const flagKeys: string[] = [];
  let minRevision = 0;
  let environment = '';
  while (reader.at < bytes.length) {
    const tag = reader.tag();
    switch (tag >>> 3) {
      case 1:
        context = readContext(reader, context, maxAttributes);
        break;
      case 2:
        flagKeys.push(reader.name());
        break;
      case 3:
        minRevision = readRevision(reader);
        break;
      case 4:
        environment = reader.text();
        break;
      default:
        reader.skip(tag, DEPTH_LEFT);
    }
  }
  return { context: context?.query() ?? NO_CONTEXT, flagKeys, minRevision, environment };
}

export function readHandshake(bytes: Uint8Array, maxAttributes = Number.POSITIVE_INFINITY): HandshakeQuery {
  const reader = new WireReader(bytes);
  let protocolVersion = 0;
  let client: ClientQuery | undefined;
  let context: ContextDraft | undefined;
  const flagKeys: string[] = [];
  let etag = '';
  let minRevision = 0;
  let environment = '';
  while (reader.at < bytes.length) {
    const tag = reader.tag();
    switch (tag >>> 3) {
      case 1:
        protocolVersion = reader.uint32();
        break;
      case 2:
        client = readClient(reader, client);
        break;
      case 3:
        context = readContext(reader, context, maxAttributes);
        break;
      case 4:
        flagKeys.push(reader.name());
        break;
      case 5:
        etag = reader.text();
        break;
      case 6:
        minRevision = readRevision(reader);
        break;
      case 7:
        environment = reader.text();
        break;
      default:
        reader.skip(tag, DEPTH_LEFT);
    }
  }
  const asked = context?.query() ?? NO_CONTEXT;
  return { protocolVersion, client, context: asked, flagKeys, etag, minRevision, environment };
}

export function readStreamed(bytes: Uint8Array, maxAttributes = Number.POSITIVE_INFINITY): StreamQuery {
  const reader = new WireReader(bytes);
  let idLow = 0;
  let idHigh = 0;
  let flagKey = '';
  let context: ContextDraft | undefined;
  let expectedType = 0;
  let environment = '';
  while (reader.at < bytes.length) {
    const tag = reader.tag();
    switch (tag >>> 3) {
      case 1:
        reader.varint64();
        idLow = reader.low;
        idHigh = reader.high;
        break;
      case 2:
        flagKey = reader.name();
        break;
      case 3:
        context = readContext(reader, context, maxAttributes);
        break;
      case 4:
        expectedType = reader.uint32();
        break;
      case 5:
        environment = reader.text();
        break;
      default:
        reader.skip(tag, DEPTH_LEFT);
    }
  }
  const asked = context?.query() ?? NO_CONTEXT;
  return { idLow, idHigh, flagKey, context: asked, expectedType: typeOf(expectedType), environment };
}

/** A field that comes in pieces is read into the same draft. */
function readContext(
  reader: WireReader,
  known: ContextDraft | undefined,
  maxAttributes: number,
): ContextDraft {
  const context = known ?? new ContextDraft(maxAttributes);
  context.read(reader, 2);
  return context;
}

function readClient(reader: WireReader, known: ClientQuery | undefined): ClientQuery {
  const end = reader.uint32() + reader.at;
  let { name, version } = known ?? { name: '', version: '' };
  while (reader.at < end) {
    const tag = reader.tag();
    if (tag >>> 3 === 1) name = reader.name();
    else if (tag >>> 3 === 2) version = reader.name();
    else reader.skip(tag, DEPTH_LEFT - 1);
  }
  return { name, version };
}

/** Negative for what is no revision: negative itself, or more than a number can tell from its neighbours. */
function readRevision(reader: WireReader): number {
  reader.varint64();
  const revision = reader.high * 2 ** 32 + (reader.low >>> 0);
  return revision >= 0 && revision <= Number.MAX_SAFE_INTEGER ? revision : -1;
}

/** Undefined for unspecified, and for a type that a newer build knows. */
function typeOf(type: number): FlagType | undefined {
  return type === 0 ? undefined : flagTypes.fromWire((type | 0) as WireFlagType);
}
