import { type DescMessage, type MessageShape, toBinary, toJsonString } from '@bufbuild/protobuf';
import { HandshakeResponseSchema } from '../../../gen/vexil/v1/evaluation_pb.ts';
import type { Outcome } from '../../core/outcome.ts';
import { handshakeResponse } from '../convert/evaluated.ts';
import type { EvaluatedAll } from '../hot/evaluate-all.ts';
import type { Shaken } from '../hot/handshake.ts';
import { type Codec, ENVELOPE_BYTES } from '../hot/hot-method.ts';
import { DecisionJoiner } from './joined-decisions.ts';
import { keptDecisions } from './kept-decisions.ts';
import { isUnknownFlag, unknownFlagSize, writeUnknownFlag } from './unknown-flag.ts';
import { enveloped, envelopedAlone, envelopedText, varintSize, writeVarint } from './varint.ts';

/**
 * The answers of the evaluation RPCs, each in its envelope: exactly what the generic serializer makes of the messages in
 * `convert/evaluated.ts`, put together from decisions that are encoded already.
 */

const EVALUATE_REVISION_TAG = 0x68;
const ALL_REVISION_TAG = 0x10;
const HANDSHAKE_TOKEN_TAG = 0x62;
const HANDSHAKE_LOST_TAG = 0x68;

const decisionsOfAll = new DecisionJoiner(0x0a);
const decisionsOfHandshake = new DecisionJoiner(0x5a);

/** An EvaluateResponse without a trace: the same bytes for the same outcome at the same revision. */
export function writeEvaluated(codec: Codec, outcome: Outcome, revision: number): Buffer {
  if (codec === 'json')
    return envelopedText(withMembers(keptDecisions.textOf(outcome), revisionMember(revision)));
  if (isUnknownFlag(outcome)) return writeUnknown(outcome.flag, revision);
  const encoded = keptDecisions.of(outcome);
  if (encoded.answer !== undefined && encoded.answerRevision === revision) return encoded.answer;
  const { item, fieldsAt } = encoded;
  const answer = envelopedAlone(item.length - fieldsAt + numberSize(revision));
  const fieldsEnd = ENVELOPE_BYTES + item.copy(answer, ENVELOPE_BYTES, fieldsAt);
  writeNumber(answer, fieldsEnd, EVALUATE_REVISION_TAG, revision);
  encoded.answer = answer;
  encoded.answerRevision = revision;
  return answer;
}

/** An EvaluateResponse about a flag that does not exist, of which there is no end: it is not kept. */
function writeUnknown(flag: string, revision: number): Buffer {
  const keyLength = Buffer.byteLength(flag);
  const length = unknownFlagSize(keyLength);
  const answer = enveloped(length + numberSize(revision));
  writeUnknownFlag(answer, ENVELOPE_BYTES, flag, keyLength);
  writeNumber(answer, ENVELOPE_BYTES + length, EVALUATE_REVISION_TAG, revision);
  return answer;
}

/** An EvaluateAllResponse. */
export function writeEvaluatedAll(codec: Codec, { outcomes, revision, whole }: EvaluatedAll): Buffer {
  if (codec === 'json')
    return envelopedText(withMembers('{}', decisionsMember(outcomes) + revisionMember(revision)));
  const decisions = decisionsOfAll.join(outcomes, whole);
  const answer = enveloped(decisions.length + numberSize(revision));
  writeNumber(answer, decisions.write(answer, ENVELOPE_BYTES), ALL_REVISION_TAG, revision);
  return answer;
}

/** A HandshakeResponse. */
export function writeShaken(codec: Codec, shaken: Shaken, serverVersion: string): Buffer {
  const { outcomes, resumeToken: token, whole, exposuresLost: lost } = shaken;
  const head = handshakeResponse(
    { ...shaken, outcomes: [], resumeToken: '', exposuresLost: 0 },
    serverVersion,
  );
  if (codec === 'json') {
    const lostMember = lost === 0 ? '' : `,"exposuresLost":"${lost}"`;
    const tail = `${decisionsMember(outcomes)},"resumeToken":${JSON.stringify(token)}${lostMember}`;
    return envelopedText(withMembers(toJsonString(HandshakeResponseSchema, head), tail));
  }
  const first = toBinary(HandshakeResponseSchema, head);
  const decisions = decisionsOfHandshake.join(outcomes, whole);
  const tokenSize = 1 + varintSize(token.length) + token.length;
  const answer = enveloped(first.length + decisions.length + tokenSize + numberSize(lost));
  answer.set(first, ENVELOPE_BYTES);
  const tokenAt = decisions.write(answer, ENVELOPE_BYTES + first.length);
  answer[tokenAt] = HANDSHAKE_TOKEN_TAG;
  answer.write(token, writeVarint(answer, tokenAt + 1, token.length), 'latin1');
  writeNumber(answer, tokenAt + tokenSize, HANDSHAKE_LOST_TAG, lost);
  return answer;
}

/** Any message. */
export function writeMessage<Desc extends DescMessage>(
  codec: Codec,
  schema: Desc,
  message: MessageShape<Desc>,
): Buffer {
  if (codec === 'json') return envelopedText(toJsonString(schema, message));
  const bytes = toBinary(schema, message);
  const answer = enveloped(bytes.length);
  answer.set(bytes, ENVELOPE_BYTES);
  return answer;
}

/** A field that is left out when it is 0. */
function numberSize(value: number): number {
  return value === 0 ? 0 : 1 + varintSize(value);
}

function writeNumber(answer: Buffer, at: number, tag: number, value: number): void {
  if (value === 0) return;
  answer[at] = tag;
  writeVarint(answer, at + 1, value);
}

function revisionMember(revision: number): string {
  return revision === 0 ? '' : `,"revision":"${revision}"`;
}

function decisionsMember(outcomes: readonly Outcome[]): string {
  if (outcomes.length === 0) return '';
  return `,"decisions":[${outcomes.map((outcome) => keptDecisions.textOf(outcome)).join(',')}]`;
}

/** An object with further members, each of which has a comma before it. */
function withMembers(object: string, members: string): string {
  const inner = object.slice(1, -1) + members;
  return `{${inner.startsWith(',') ? inner.slice(1) : inner}}`;
}
