import type { RawPeer } from './raw-http2.ts';

const BATCH = 250;

/** Sends frames in batches until the server ends the connection, or the count is reached. */
export async function flood(
  peer: RawPeer,
  count: number,
  make: (index: number) => Uint8Array[],
): Promise<void> {
  for (let sent = 0; sent < count && !peer.isClosed(); sent += BATCH) {
    peer.write(...Array.from({ length: BATCH }, (_, index) => make(sent + index)).flat());
    await new Promise((resolve) => setImmediate(resolve));
  }
}
