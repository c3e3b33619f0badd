import { FlagError } from '../../core/errors.ts';
import type { Stored } from '../project-state.ts';

/** Throws `conflict` unless the object is at the version that the caller last saw, if they said which. */
export function expectVersion(stored: Stored<unknown>, expectedVersion: number | undefined): void {
  if (expectedVersion === undefined || expectedVersion === stored.version) return;
  throw new FlagError('conflict', 'it was changed by somebody else in the meantime', {
    reason: 'ETAG_MISMATCH',
    metadata: { current_etag: `"${stored.version}"` },
  });
}
