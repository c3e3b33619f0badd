import { expect } from 'vitest';
import { FlagError } from '../../src/core/errors.ts';
import type { Delivery, ExposureQueue, Parcel } from '../../src/ports/exposure-queue.ts';

/** A parcel that its id tells apart from others. */
export function parcel(id: string): Parcel {
  return { id, bytes: Buffer.from(`bytes of ${id}`) };
}

export function parcels(count: number): Parcel[] {
  return Array.from({ length: count }, (_, index) => parcel(`p-${String(index).padStart(3, '0')}`));
}

/** In the order of their names. */
export function idsOf(deliveries: readonly Delivery[]): string[] {
  return deliveries.map(({ id }) => id).toSorted();
}

/** Takes until there is nothing at the moment, waiting a little for the first `expected`. */
export async function drained(queue: ExposureQueue, expected: number): Promise<Delivery[]> {
  const taken: Delivery[] = [];
  for (;;) {
    const page = await queue.take(7, taken.length < expected ? 300 : 0);
    if (page.length === 0) return taken;
    expect(page.length).toBeLessThanOrEqual(7);
    taken.push(...page);
  }
}

/** The one parcel that is to be had within that time. */
export async function takeOne(queue: ExposureQueue, waitMs = 2_000): Promise<Delivery> {
  const [delivery, ...more] = await queue.take(10, waitMs);
  if (delivery === undefined || more.length > 0) throw new Error(`took ${more.length} more than one`);
  return delivery;
}

/** The kind of error that it rejects with; undefined if it does not. */
export async function refusal(asked: Promise<unknown>): Promise<string | undefined> {
  try {
    await asked;
    return undefined;
  } catch (error) {
    return error instanceof FlagError ? error.kind : String(error);
  }
}
