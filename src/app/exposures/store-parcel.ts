import type { Parcel } from '../../ports/exposure-queue.ts';
import type { ExposureStore, StoredBytes } from '../../ports/exposure-store.ts';
import { decodeBatch } from './batch-text.ts';

/** Stores the batch in a parcel, wherever it is read. Rejects with `invalid` if nobody can read it. */
export async function storeParcel(
  store: Pick<ExposureStore, 'store' | 'storeBytes'>,
  { id, bytes }: Parcel,
): Promise<StoredBytes> {
  if (store.storeBytes !== undefined) return await store.storeBytes(id, bytes);
  const batch = decodeBatch(bytes, id);
  return { stored: await store.store(batch), units: batch.units };
}

/** How many units are in a parcel; undefined if that cannot be told. */
export function unitsIn({ id, bytes }: Parcel): number | undefined {
  try {
    return decodeBatch(bytes, id).units;
  } catch {
    return undefined;
  }
}
