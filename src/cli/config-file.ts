import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Io } from './io.ts';
import { UsageError } from './usage-error.ts';

/** A server to talk to, by a name of the user's choice. */
export interface Target {
  readonly server?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly project?: string;
  readonly environment?: string;
}

export interface UserConfig {
  readonly current?: string;
  readonly contexts: ReadonlyMap<string, Target>;
}

const fields = ['server', 'token', 'tokenFile', 'project', 'environment'] as const;

export function configPath(env: Io['env']): string {
  const base = env.XDG_CONFIG_HOME || join(env.HOME || homedir(), '.config');
  return join(base, 'vexil', 'config.yaml');
}

/** An empty configuration if there is no such file. */
export async function readConfig(path: string): Promise<UserConfig> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new UsageError(`cannot read ${path}: ${error.message}`);
  });
  if (text === undefined) return { contexts: new Map() };
  const { parse } = await import('yaml');
  return configOf(parse(text), path);
}

/** Replaces the file at once; nobody but the user can read it. */
export async function writeConfig(path: string, config: UserConfig): Promise<void> {
  const { stringify } = await import('yaml');
  const contexts = Object.fromEntries(config.contexts);
  const document = config.current === undefined ? { contexts } : { current: config.current, contexts };
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const next = `${path}.${process.pid}`;
  await writeFile(next, stringify(document), { mode: 0o600 });
  await chmod(next, 0o600);
  await rename(next, path);
}

function configOf(document: unknown, path: string): UserConfig {
  if (document === null) return { contexts: new Map() };
  if (!isRecord(document)) throw new UsageError(`${path} is not a map`);
  const { current, contexts = {} } = document;
  if (!isRecord(contexts)) throw new UsageError(`${path}: contexts is not a map`);
  const targets = Object.entries(contexts).map(([name, target]): [string, Target] => {
    if (!isRecord(target)) throw new UsageError(`${path}: contexts.${name} is not a map`);
    return [name, targetOf(target, `${path}: contexts.${name}`)];
  });
  const map = new Map(targets);
  return typeof current === 'string' ? { current, contexts: map } : { contexts: map };
}

function targetOf(record: Record<string, unknown>, where: string): Target {
  const entries = fields.flatMap((field) => {
    const value = record[field];
    if (value === undefined) return [];
    if (typeof value !== 'string') throw new UsageError(`${where}.${field} is not a string`);
    return [[field, value]];
  });
  return Object.fromEntries(entries);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
