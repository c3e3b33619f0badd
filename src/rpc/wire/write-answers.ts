import { type DescMessage, type MessageShape, toBinary, toJsonString } from '@bufbuild/protobuf';
import { HandshakeResponseSchema } from '../../../gen/vexil/v1/evaluation_pb.ts';
import type { Outcome } from '../../core/outcome.ts';
import { handshakeResponse } from '../convert/evaluated.ts';
import type { Shaken } from '../hot/handshake.ts';
import { type Codec, ENVELOPE_BYTES } from '../hot/hot-method.ts';
import { ITEM_TAG, keptDecisions } from './kept-decisions.ts';
import { enveloped, envelopedText, varintSize, writeVarint } from './varint.ts';

/**
 * The answers of the evaluation RPCs, each in its envelope: exactly what the generic serializer makes of the messages in
 * `convert/evaluated.ts`, put together from decisions that are encoded already.
 */

const EVALUATE_REVISION_TAG = 0x68;
const ALL_REVISION_TAG = 0x10;
const HANDSHAKE_DECISIONS_TAG = 0x5a;
const HANDSHAKE_TOKEN_TAG = 0x62;

/** An EvaluateResponse without a trace: the same bytes for the same outcome at the same revision. */
export function writeEvaluated(codec: Codec, outcome: Outcome, revision: number): Buffer {
  if (codec === 'json')
    return envelopedText(withMembers(keptDecisions.textOf(outcome), revisionMember(revision)));
  const encoded = keptDecisions.of(outcome);
  if (encoded.answer !== undefined && encoded.answerRevision === revision) return encoded.answer;
  const { item, fieldsAt } = encoded;
  const answer = enveloped(item.length - fieldsAt + revisionSize(revision));
  const fieldsEnd = ENVELOPE_BYTES + item.copy(answer, ENVELOPE_BYTES, fieldsAt);
  writeRevision(answer, fieldsEnd, EVALUATE_REVISION_TAG, revision);
  encoded.answer = answer;
  encoded.answerRevision = revision;
  return answer;
}

/** An EvaluateAllResponse. */
export function writeEvaluatedAll(codec: Codec, outcomes: readonly Outcome[], revision: number): Buffer {
  if (codec === 'json')
    return envelopedText(withMembers('{}', decisionsMember(outcomes) + revisionMember(revision)));
  const items = outcomes.map((outcome) => keptDecisions.of(outcome).item);
  const answer = enveloped(sizeOf(items) + revisionSize(revision));
  writeRevision(answer, writeItems(answer, ENVELOPE_BYTES, ITEM_TAG, items), ALL_REVISION_TAG, revision);
  return answer;
}

/** A HandshakeResponse. */
export function writeShaken(codec: Codec, shaken: Shaken, serverVersion: string): Buffer {
  const { outcomes, resumeToken: token } = shaken;
  const head = handshakeResponse({ ...shaken, outcomes: [], resumeToken: '' }, serverVersion);
  if (codec === 'json') {
    const tail = `${decisionsMember(outcomes)},"resumeToken":${JSON.stringify(token)}`;
    return envelopedText(withMembers(toJsonString(HandshakeResponseSchema, head), tail));
  }
  const first = toBinary(HandshakeResponseSchema, head);
  const items = outcomes.map((outcome) => keptDecisions.of(outcome).item);
  const answer = enveloped(first.length + sizeOf(items) + 1 + varintSize(token.length) + token.length);
  answer.set(first, ENVELOPE_BYTES);
  const tokenAt = writeItems(answer, ENVELOPE_BYTES + first.length, HANDSHAKE_DECISIONS_TAG, items);
  answer[tokenAt] = HANDSHAKE_TOKEN_TAG;
  answer.write(token, writeVarint(answer, tokenAt + 1, token.length), 'latin1');
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

function sizeOf(items: readonly Buffer[]): number {
  let size = 0;
  for (const item of items) size += item.length;
  return size;
}

function writeItems(answer: Buffer, start: number, tag: number, items: readonly Buffer[]): number {
  let at = start;
  for (const item of items) {
    answer.set(item, at);
    answer[at] = tag;
    at += item.length;
  }
  return at;
}

function revisionSize(revision: number): number {
  return revision === 0 ? 0 : 1 + varintSize(revision);
}

function writeRevision(answer: Buffer, at: number, tag: number, revision: number): void {
  if (revision === 0) return;
  answer[at] = tag;
  writeVarint(answer, at + 1, revision);
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
