import { memoryOf } from '../lib/usage.ts';
import type { Service } from './service.ts';
import { watchAll } from './watching.ts';

/** What a stream that says nothing costs a server, in bytes, its share of a connection included. */
export interface StreamMemory extends Readonly<Record<string, number>> {
  /** By how much the process grew. */
  readonly resident: number;
  /** Of that, what its heap and its buffers say, after a full collection. */
  readonly accounted: number;
}

const SETTLED_WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 250;

/** A server compiles and allocates things at its first streams that it keeps, and that no later one adds to. */
const FIRST_STREAMS = 100;

/** Compares a server before and after so many watches were opened. It must have been started for that alone. */
export async function memoryPerStream(service: Service, streams: number): Promise<StreamMemory> {
  const first = await watchAll(service, FIRST_STREAMS);
  await first[Symbol.asyncDispose]();
  const before = await settled(service);
  await using _watchers = await watchAll(service, streams);
  const after = await settled(service);
  return {
    resident: (after.resident - before.resident) / streams,
    accounted: (after.accounted - before.accounted) / streams,
  };
}

/** Waits until garbage collection gives nothing back any more. */
async function settled(service: Service): Promise<StreamMemory> {
  const endMs = performance.now() + SETTLED_WITHIN_MS;
  for (let last = Number.POSITIVE_INFINITY; ; ) {
    const { heap, external } = await service.probe.heap();
    const resident = memoryOf(service.pid).rss;
    if (resident > last * 0.995 || performance.now() > endMs) return { resident, accounted: heap + external };
    last = resident;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
