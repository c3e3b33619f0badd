import { readFile } from 'node:fs/promises';
import os from 'node:os';

/** What the figures of a run depend on. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  readonly v8: string;
  /** How many processes wanted to run, on average over the last minute, before the benchmark began. */
  readonly load: number;
}

export function machine(): Machine {
  const [processor] = os.cpus();
  return {
    processor: processor?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    node: process.versions.node,
    v8: process.versions.v8,
    load: Math.round((os.loadavg()[0] ?? 0) * 10) / 10,
  };
}

/** One line for people. */
export function describeMachine({ processor, cores, memoryGiB, system, node, load }: Machine): string {
  return `${processor}, ${cores} cores, ${memoryGiB} GiB, ${system}, Node ${node}, load ${load}`;
}

/** The installed version of a package of the benchmark. */
export async function installedVersion(name: string): Promise<string> {
  const text = await readFile(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8');
  const { version }: { version: string } = JSON.parse(text);
  return version;
}
