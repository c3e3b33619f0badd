import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

/**
 * What travels over NATS, where others may write as well: a byte for the format, an HMAC-SHA-256, and the body. The
 * HMAC is over the subject too, so that a message is worth nothing elsewhere.
 */
const FORMAT = 1;
const MAC_BYTES = 32;
const HEAD_BYTES = 1 + MAC_BYTES;

/** A body that is larger is not even looked at. */
export const LARGEST_BODY_BYTES = 1 << 20;

/** Why a message is ignored. */
export type Refusal = 'too large' | 'of an unknown format' | 'forged';

/** The key of all replicas that share this secret. */
export function messageKeyOf(secret: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, '', 'vexil messages over nats', MAC_BYTES));
}

/** The message to publish on a subject. */
export function seal(key: Uint8Array, subject: string, body: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.of(FORMAT), macOf(key, subject, body), body]);
}

/** The body, if somebody with the key made the message for this subject. Any bytes are fine. */
export function unseal(key: Uint8Array, subject: string, message: Uint8Array): Uint8Array | Refusal {
  if (message.length > HEAD_BYTES + LARGEST_BODY_BYTES) return 'too large';
  if (message[0] !== FORMAT) return 'of an unknown format';
  if (message.length < HEAD_BYTES) return 'forged';
  const body = message.subarray(HEAD_BYTES);
  return timingSafeEqual(message.subarray(1, HEAD_BYTES), macOf(key, subject, body)) ? body : 'forged';
}

function macOf(key: Uint8Array, subject: string, body: Uint8Array): Buffer {
  return createHmac('sha256', key).update(Buffer.of(FORMAT)).update(`${subject}\n`).update(body).digest();
}
