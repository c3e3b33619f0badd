import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { configPath, readConfig, type Target } from './config-file.ts';
import type { Io } from './io.ts';
import { UsageError } from './usage-error.ts';

export const defaultServer = 'http://127.0.0.1:8013';

/** What the options say that every command has. */
export interface GlobalOptions {
  readonly server?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly project?: string;
  readonly env?: string;
  readonly output?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  /** False for `--no-color`. */
  readonly color?: boolean;
}

/** A value, and where it came from. */
export interface Setting {
  readonly value: string;
  readonly source: string;
}

/** Where to call, as whom, and about what. What nobody set is absent, except the server. */
export interface Settings {
  readonly server: Setting;
  readonly token: Setting | undefined;
  readonly project: Setting | undefined;
  readonly environment: Setting | undefined;
}

/** The options, then the environment, then the current context of the user's file, then what is usual. */
export async function loadSettings(options: GlobalOptions, io: Io): Promise<Settings> {
  const context = await currentContext(io);
  const target = context?.target ?? {};
  const fromContext = `context ${context?.name}`;
  const server = first(
    [options.server, '--server'],
    [io.env.VEXIL_SERVER, 'VEXIL_SERVER'],
    [target.server, fromContext],
    [defaultServer, 'default'],
  );
  const origin = serverUrl(server?.value ?? defaultServer);
  return {
    server: { value: origin, source: server?.source ?? 'default' },
    token: await findToken(options, io, origin, { ...target }, fromContext),
    project: first(
      [options.project, '--project'],
      [io.env.VEXIL_PROJECT, 'VEXIL_PROJECT'],
      [target.project, fromContext],
    ),
    environment: first(
      [options.env, '--env'],
      [io.env.VEXIL_ENVIRONMENT, 'VEXIL_ENVIRONMENT'],
      [target.environment, fromContext],
    ),
  };
}

/**
 * A key goes only where it belongs: a context's to that context's server, and the one in the data directory to
 * this machine.
 */
async function findToken(
  options: GlobalOptions,
  io: Io,
  server: string,
  target: Target,
  fromContext: string,
): Promise<Setting | undefined> {
  const read = (path: string) => readSecret(resolve(io.cwd, path));
  if (options.token) return { value: options.token, source: '--token' };
  if (options.tokenFile) return { value: await read(options.tokenFile), source: '--token-file' };
  if (io.env.VEXIL_TOKEN) return { value: io.env.VEXIL_TOKEN, source: 'VEXIL_TOKEN' };
  if (io.env.VEXIL_TOKEN_FILE) {
    return { value: await read(io.env.VEXIL_TOKEN_FILE), source: 'VEXIL_TOKEN_FILE' };
  }
  if (serverUrl(target.server ?? defaultServer) === server) {
    if (target.token) return { value: target.token, source: fromContext };
    if (target.tokenFile) return { value: await read(target.tokenFile), source: fromContext };
  }
  if (!isLoopback(server)) return undefined;
  const path = join(resolve(io.cwd, io.env.VEXIL_DATA_DIR || 'data'), 'admin.key');
  const secret = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw new UsageError(`cannot read ${path}: ${error.message}`);
  });
  return secret === undefined ? undefined : { value: secret.trim(), source: path };
}

/** The URL to call: a scheme is added if there is none, and a slash at the end is dropped. */
export function serverUrl(text: string): string {
  const url = URL.parse(/^https?:\/\//.test(text) ? text : `http://${text}`);
  if (url === null) throw new UsageError(`"${text}" is not the address of a server`);
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}

export function isLoopback(server: string): boolean {
  const host = URL.parse(server)?.hostname ?? '';
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

async function currentContext(io: Io): Promise<{ name: string; target: Target } | undefined> {
  const path = configPath(io.env);
  const config = await readConfig(path);
  const name = io.env.VEXIL_CONTEXT || config.current;
  if (name === undefined) return undefined;
  const target = config.contexts.get(name);
  if (target === undefined) throw new UsageError(`there is no context ${name} in ${path}`);
  return { name, target };
}

async function readSecret(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function first(...candidates: (readonly [value: string | undefined, source: string])[]): Setting | undefined {
  const found = candidates.find(([value]) => value !== undefined && value !== '');
  return found?.[0] === undefined ? undefined : { value: found[0], source: found[1] };
}
