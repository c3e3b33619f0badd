import type { Answer, Refusal } from './calls.ts';
import { decodeDetails, isMessage, type Message } from './stock-protos.ts';

/** What Connect says in JSON: the answer, or an error with a code and details. */
export function answerIn(isError: boolean, body: string): Answer {
  const message: unknown = JSON.parse(body);
  if (!isMessage(message)) throw new Error(`not a JSON object: ${body}`);
  return isError ? { refusal: refusalIn(message) } : { response: message };
}

/** The error of Connect's JSON. */
export function refusalIn(error: Message): Refusal {
  const details = Array.isArray(error.details) ? error.details.filter(isMessage) : [];
  return {
    // Spelled with one l in JSON and two in gRPC.
    code: String(error.code).replace('canceled', 'cancelled').toUpperCase(),
    message: String(error.message ?? ''),
    details: decodeDetails(details.map(({ type, value }) => ({ type: String(type), value: String(value) }))),
  };
}

/** A message as a stream of connect+json carries it. */
export function envelopeOf(message: Message): Buffer {
  const json = Buffer.from(JSON.stringify(message));
  const header = Buffer.alloc(5);
  header.writeUInt32BE(json.length, 1);
  return Buffer.concat([header, json]);
}

/** The messages of a stream of connect+json that have arrived in full; the last may be its end (`isEnd`). */
export function messagesIn(stream: Buffer): { readonly isEnd: boolean; readonly message: Message }[] {
  const messages = [];
  for (let at = 0; at + 5 <= stream.length; ) {
    const end = at + 5 + stream.readUInt32BE(at + 1);
    if (end > stream.length) break;
    const message: unknown = JSON.parse(stream.toString('utf8', at + 5, end));
    messages.push({ isEnd: (stream[at] ?? 0) === 2, message: isMessage(message) ? message : {} });
    at = end;
  }
  return messages;
}
