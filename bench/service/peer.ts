import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Definition } from './fill.ts';
import { type Service, startServer } from './service.ts';

/** Runs a server of `peers/` that evaluates the same flags. */
export async function startPeer(
  name: string,
  file: string,
  definitions: readonly Definition[],
  args: readonly string[] = [],
): Promise<Service> {
  const directory = await mkdtemp(join(tmpdir(), 'vexil-bench-'));
  const flags = join(directory, 'flags.json');
  await writeFile(flags, JSON.stringify(definitions));
  const path = fileURLToPath(new URL(`peers/${file}.ts`, import.meta.url));
  const server = await startServer(path, { args: [flags, ...args] });
  await rm(directory, { recursive: true });
  return {
    name,
    ...{ port: server.port, pid: server.pid, probe: server.probe },
    watchPath: '/bench.Fanout/Watch',
    change: { path: '/bench.Fanout/Publish', messages: [new Uint8Array()] },
    messagesAtStart: 1,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
