import { ConnectionError, FRAME_SIZE_ERROR, PROTOCOL_ERROR } from './errors.ts';
import { PRIORITY_BYTES, readUint31 } from './frames.ts';

/** Where the payload of a padded frame ends, whose padding begins after that. Its first byte says how long that is. */
export function unpaddedEnd(bytes: Uint8Array, start: number, end: number): number {
  if (end === start) throw new ConnectionError(FRAME_SIZE_ERROR, 'a padded frame has no padding');
  const length = end - (bytes[start] ?? 0);
  if (length <= start) throw new ConnectionError(PROTOCOL_ERROR, 'there is more padding than frame');
  return length;
}

/** Nobody depends on priorities here, but on itself no stream may. */
export function checkPriority(stream: number, bytes: Uint8Array, start: number, end: number): number {
  if (end - start < PRIORITY_BYTES) throw new ConnectionError(FRAME_SIZE_ERROR, 'a priority has five bytes');
  if (readUint31(bytes, start) === stream)
    throw new ConnectionError(PROTOCOL_ERROR, 'a stream depends on itself');
  return start + PRIORITY_BYTES;
}

export function demandLength(length: number, wanted: number): void {
  if (length !== wanted) throw new ConnectionError(FRAME_SIZE_ERROR, 'a frame has the wrong size');
}
