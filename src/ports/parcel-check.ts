import { FlagError } from '../core/errors.ts';
import type { Parcel } from './exposure-queue.ts';

/** How long whoever took a parcel has it alone. */
export const LEASE_MS = 60_000;
/** How long after a parcel was published another one with its id is none. */
export const DEDUPE_MS = 10 * 60_000;
export const LARGEST_PARCEL_BYTES = 512 * 1024;

const ID = /^[!-~]{1,128}$/;

/** Throws `invalid` for a parcel that no queue takes. */
export function checkParcel({ id, bytes }: Parcel): void {
  if (!ID.test(id)) throw refused('its id must be 1 to 128 printable ASCII characters without spaces');
  if (bytes.length > LARGEST_PARCEL_BYTES) throw refused(`it has more than ${LARGEST_PARCEL_BYTES} bytes`);
}

function refused(why: string): FlagError {
  return new FlagError('invalid', `the parcel cannot be published: ${why}`, { reason: 'PARCEL' });
}
