import { createHash } from 'node:crypto';
import { canonicalJson } from '../core/canonical-json.ts';
import type { Change } from '../core/change.ts';

/** SHA-256 over every field of a change but its hash, in hexadecimal. */
export function hashOf(change: Omit<Change, 'hash'>): string {
  return createHash('sha256')
    .update(canonicalJson({ ...change, hash: undefined }))
    .digest('hex');
}
