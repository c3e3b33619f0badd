import { processorMs } from '../lib/usage.ts';

/** For how long a load runs, and how much of that counts. */
export interface Span {
  readonly warmUpMs: number;
  readonly durationMs: number;
}

/** What became of a load while it counted. */
export interface Throughput {
  readonly calls: number;
  readonly callsPerSecond: number;
  /** Microseconds of the server's processor time per call. */
  readonly serverUs: number;
  /** The same of this process. */
  readonly clientUs: number;
  /** Of answers, without headers. */
  readonly bytesPerCall: number;
}

/** Counted while a load runs. */
export interface Count {
  calls: number;
  bytes: number;
}

/** What is counted between the end of the warm-up and the end of the load. */
export async function throughput(pid: number, span: Span, count: Readonly<Count>): Promise<Throughput> {
  const look = () => ({
    ...count,
    atMs: performance.now(),
    serverMs: processorMs(pid),
    clientMs: ownProcessorMs(),
  });
  await new Promise((resolve) => setTimeout(resolve, span.warmUpMs));
  const from = look();
  await new Promise((resolve) => setTimeout(resolve, span.durationMs));
  const to = look();
  const calls = to.calls - from.calls;
  if (calls === 0) throw new Error(`not one call was answered in ${span.durationMs} ms`);
  return {
    calls,
    callsPerSecond: (calls / (to.atMs - from.atMs)) * 1000,
    serverUs: ((to.serverMs - from.serverMs) / calls) * 1000,
    clientUs: ((to.clientMs - from.clientMs) / calls) * 1000,
    bytesPerCall: (to.bytes - from.bytes) / calls,
  };
}

/** Without the children that this process may have. */
export function ownProcessorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
