import { readdirSync, readFileSync } from 'node:fs';

/** Milliseconds of processor time that a process and its children have taken so far, in all their threads. */
export function processorMs(pid: number): number {
  let ns = 0;
  for (const process of familyOf(pid))
    for (const thread of threadsOf(process)) ns += runtimeNs(process, thread);
  return ns / 1e6;
}

/** Resident memory of a process and its children, in bytes. */
export interface Memory {
  /** All pages, also those that it shares with others. */
  readonly rss: number;
  /** Pages that are shared, such as the program itself, count in part. */
  readonly pss: number;
}

export function memoryOf(pid: number): Memory {
  let rss = 0;
  let pss = 0;
  for (const process of familyOf(pid)) {
    const text = readFileSync(`/proc/${process}/smaps_rollup`, 'utf8');
    rss += bytesIn(text, 'Rss');
    pss += bytesIn(text, 'Pss');
  }
  return { rss, pss };
}

const SETTLED_WITHIN_MS = 15_000;
const LOOK_EVERY_MS = 1_000;

/** The memory of a process that has nothing to do, when it has stopped changing. */
export async function settledMemory(pid: number): Promise<Memory> {
  const endMs = performance.now() + SETTLED_WITHIN_MS;
  for (let last = 0; ; ) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    const now = memoryOf(pid);
    if (Math.abs(now.rss - last) < last / 200 || performance.now() > endMs) return now;
    last = now.rss;
  }
}

function familyOf(pid: number): number[] {
  const children = threadsOf(pid).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
  return [pid, ...children.flatMap(familyOf)];
}

function threadsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`);
}

function runtimeNs(pid: number, thread: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ', 1)[0]);
  } catch {
    // It has ended since it was listed.
    return 0;
  }
}

function bytesIn(text: string, name: string): number {
  const found = new RegExp(`^${name}: +([0-9]+) kB$`, 'm').exec(text);
  if (found === null) throw new Error(`the system does not say ${name}`);
  return Number(found[1]) * 1024;
}
