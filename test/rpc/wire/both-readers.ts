import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import {
  EvaluateAllRequestSchema,
  EvaluateRequestSchema,
  EvaluateStreamRequestSchema,
  HandshakeRequestSchema,
} from '../../../gen/vexil/v1/evaluation_pb.ts';
import type { ContextLimits } from '../../../src/app/decisions.ts';
import { FlagError } from '../../../src/core/errors.ts';
import { checkedContext } from '../../../src/rpc/convert/context.ts';
import { isSayable } from '../../../src/rpc/convert/json.ts';
import type { ContextQuery } from '../../../src/rpc/wire/queries.ts';
import {
  evaluateAllQuery,
  evaluateQuery,
  handshakeQuery,
  streamQuery,
} from '../../../src/rpc/wire/query-of.ts';
import {
  readEvaluate,
  readEvaluateAll,
  readHandshake,
  readStreamed,
} from '../../../src/rpc/wire/read-queries.ts';
import { WireError } from '../../../src/rpc/wire/wire-reader.ts';
import type { RequestKind } from '../../fuzz/random-request.ts';

interface Query {
  readonly context: ContextQuery;
}
type Read = (bytes: Uint8Array) => Query;

const READERS: Readonly<Record<RequestKind, { readonly byHand: Read; readonly generic: Read }>> = {
  evaluate: { byHand: readEvaluate, generic: generic(EvaluateRequestSchema, evaluateQuery) },
  evaluateAll: { byHand: readEvaluateAll, generic: generic(EvaluateAllRequestSchema, evaluateAllQuery) },
  handshake: { byHand: readHandshake, generic: generic(HandshakeRequestSchema, handshakeQuery) },
  evaluateStream: { byHand: readStreamed, generic: generic(EvaluateStreamRequestSchema, streamQuery) },
};

function generic<Desc extends DescMessage>(
  schema: Desc,
  queryOf: (message: MessageShape<Desc>) => Query,
): Read {
  return (bytes) => queryOf(fromBinary(schema, bytes, { readUnknownFields: false }));
}

/** So small that contexts often exceed them. */
const LIMITS: ContextLimits = { attributes: 3, targetingKeyLength: 26 };

export interface Verdict {
  /** What both readers say: everything that was read, or that it cannot be read, or why the context is refused. */
  readonly said: string;
  readonly isRead: boolean;
}

/** What both readers make of a message. Throws if it is not the same. */
export function readBoth(kind: RequestKind, bytes: Uint8Array): Verdict {
  const { byHand, generic: usual } = READERS[kind];
  const expected = attempt(usual, bytes, () => true);
  const actual = attempt(byHand, bytes, (error) => error instanceof WireError);
  if (expected.said !== actual.said)
    throw new Error(
      `${kind} ${Buffer.from(bytes).toString('hex')}\nexpected ${expected.said}\nreceived ${actual.said}`,
    );
  return actual;
}

function attempt(read: Read, bytes: Uint8Array, isForeseen: (error: unknown) => boolean): Verdict {
  let query: Query;
  try {
    query = read(bytes);
  } catch (error) {
    return { said: isForeseen(error) ? 'malformed' : String(error), isRead: false };
  }
  const { context, soundAttributes } = query.context;
  const { attributes } = context;
  const isSound = isSayable(attributes, 0) && Object.keys(attributes).length <= soundAttributes;
  const said = [told(byName({ ...query, context })), checked(query.context)];
  if (Number.isFinite(soundAttributes) && !isSound) said.push('wrongly taken for sound');
  return { said: said.join('\n'), isRead: true };
}

function checked(query: ContextQuery): string {
  try {
    return checkedContext(query, LIMITS) === query.context ? 'fits' : 'another';
  } catch (error) {
    if (!(error instanceof FlagError)) return String(error);
    return JSON.stringify([error.kind, error.message, error.details]);
  }
}

/** Everything about a value: the order of its members, what is not a property of its own, and which zero it is. */
export function told(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : String(value);
  if (Array.isArray(value)) return `[${value.map(told).join()}]`;
  if (Object.getPrototypeOf(value) !== Object.prototype) return 'an object with another prototype';
  return `{${Object.entries(value)
    .map(([name, item]) => `${JSON.stringify(name)}:${told(item)}`)
    .join()}}`;
}

function byName(object: object): object {
  return Object.fromEntries(Object.entries(object).sort(([one], [other]) => (one < other ? -1 : 1)));
}
