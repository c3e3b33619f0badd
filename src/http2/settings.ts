import { ConnectionError, ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR, PROTOCOL_ERROR } from './errors.ts';
import * as frames from './frames.ts';

const BYTES = 6;
const MOST = 32;

/** What of a peer's settings is of interest here. */
export interface PeerSettings {
  initialWindow?: number;
  headerTable?: number;
}

/** Reads the payload of a SETTINGS frame, of a length that is right. Throws a ConnectionError for what cannot be. */
export function readSettings(bytes: Uint8Array, start: number, end: number): PeerSettings {
  if ((end - start) / BYTES > MOST) throw new ConnectionError(ENHANCE_YOUR_CALM, 'too many settings');
  const settings: PeerSettings = {};
  for (let at = start; at < end; at += BYTES) {
    const value = frames.readUint32(bytes, at + 2);
    switch (((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)) {
      case frames.HEADER_TABLE_SIZE:
        settings.headerTable = Math.min(value, settings.headerTable ?? value);
        break;
      case frames.ENABLE_PUSH:
        if (value > 1) throw new ConnectionError(PROTOCOL_ERROR, 'ENABLE_PUSH is yes or no');
        break;
      case frames.INITIAL_WINDOW_SIZE:
        if (value > frames.LARGEST_WINDOW)
          throw new ConnectionError(FLOW_CONTROL_ERROR, 'no window is that large');
        settings.initialWindow = value;
        break;
      case frames.MAX_FRAME_SIZE:
        if (value < frames.LARGEST_FRAME || value >= 2 ** 24)
          throw new ConnectionError(PROTOCOL_ERROR, 'no frame may be of that size');
        break;
    }
  }
  return settings;
}
