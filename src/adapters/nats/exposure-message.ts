import type { Msg } from 'nats';
import { unseal } from './sealed-message.ts';

const MESSAGE_ID = 'Nats-Msg-Id';
const ID = /^[!-~]{1,128}$/;
const NANOSECONDS = 1_000_000;

/** What JetStream says of a message in the subject of its acknowledgement. */
export interface MessageInfo {
  /** Of the stream. */
  readonly sequence: number;
  readonly attempt: number;
  readonly publishedAt: number;
}

/** `$JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.<…>.<time>.<…>`, perhaps with two more parts in front of the stream. */
export function infoOf({ reply = '' }: Msg): MessageInfo {
  const tokens = reply.split('.');
  const from = tokens.length >= 11 ? 4 : 2;
  const [attempt = 0, sequence = 0, , time = 0] = tokens.slice(from + 2).map(Number);
  return { sequence, attempt, publishedAt: Math.floor(time / NANOSECONDS) };
}

/** The id that it was published with; one that names its place in the stream if that is none, and no process. */
export function idOf({ headers }: Msg, sequence: number): string {
  const id = headers?.get(MESSAGE_ID) ?? '';
  return ID.test(id) ? id : `stream-${sequence}`;
}

/**
 * The bytes of the parcel. Of a message that no replica of this fleet has sent: all of it, behind a zero, so that nobody
 * takes it for something else than what nobody can read.
 */
export function bytesOf(key: Uint8Array, subject: string, { data }: Msg): Uint8Array {
  const body = unseal(key, subject, data);
  return typeof body === 'string' ? Buffer.concat([Buffer.of(0), data]) : body;
}
