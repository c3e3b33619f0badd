import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { findPackageJSON } from 'node:module';
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
  /** Of the sources; followed by a plus sign if they were changed since. */
  readonly commit: string;
  /** Packages that do the work on either side. */
  readonly packages: Readonly<Record<string, string>>;
}

const PACKAGES = ['@bufbuild/protobuf', '@connectrpc/connect-node', '@grpc/grpc-js'];

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
    commit: commit(),
    packages: Object.fromEntries(PACKAGES.map((name) => [name, versionOf(name)])),
  };
}

/** A few lines for people. */
export function describeMachine(about: Machine): string {
  const { processor, cores, memoryGiB, system, node, load, packages } = about;
  const versions = Object.entries(packages).map(([name, version]) => `${name} ${version}`);
  return [
    `${processor}, ${cores} cores, ${memoryGiB} GiB, ${system}, Node ${node}, load ${load}`,
    `commit ${about.commit}, ${versions.join(', ')}`,
  ].join('\n');
}

/** The installed version of a package of the benchmark. */
export async function installedVersion(name: string): Promise<string> {
  const text = await readFile(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8');
  const { version }: { version: string } = JSON.parse(text);
  return version;
}

function versionOf(name: string): string {
  const file = findPackageJSON(name, import.meta.url);
  if (file === undefined) return 'not installed';
  const { version }: { version: string } = JSON.parse(readFileSync(file, 'utf8'));
  return version;
}

function commit(): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  try {
    const isChanged = git('status', '--porcelain', '--untracked-files=no', '--', '..').trim() !== '';
    return `${git('rev-parse', '--short', 'HEAD').trim()}${isChanged ? '+' : ''}`;
  } catch {
    return 'unknown';
  }
}
