import { type Child, type ChildOptions, startChild } from '../lib/child.ts';
import type { HeapMemory, ProbeQuestion } from './probe.ts';
import type { ProfileLine } from './self-times.ts';

/** A server process that is measured. Disposing of it ends it. */
export interface Service extends AsyncDisposable {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  /** For evaluation. Absent: the server does not ask for one. */
  readonly token?: string;
  /** What changes the flag that is watched. */
  readonly change: Change;
  /** Where watches are opened. */
  readonly watchPath: string;
  /** How many messages a watch starts with. */
  readonly messagesAtStart: number;
  readonly probe: Probe;
}

/** A look into a server. */
export interface Probe {
  /** After a full garbage collection. */
  heap(): Promise<HeapMemory>;
  startProfile(): Promise<void>;
  stopProfile(): Promise<ProfileLine[]>;
}

/** A unary call that makes a server tell its watchers something, whichever of the messages it carries in turn. */
export interface Change {
  readonly path: string;
  readonly token?: string;
  readonly messages: readonly Uint8Array[];
}

const PROBE = new URL('probe.ts', import.meta.url).href;

export interface ServerProcess extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  readonly probe: Probe;
}

/** Runs a server that can be looked into, and resolves when it has logged where it is ready. */
export async function startServer(file: string, options: ChildOptions): Promise<ServerProcess> {
  const child = startChild(file, {
    ...options,
    execArgv: ['--expose-gc', `--import=${PROBE}`, ...(options.execArgv ?? [])],
  });
  try {
    const { url }: { url: string } = JSON.parse(await child.line((line) => line.includes('"msg":"ready"')));
    return {
      port: Number(new URL(url).port),
      pid: child.pid,
      probe: probeOf(child),
      [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
    };
  } catch (error) {
    await child[Symbol.asyncDispose]();
    throw error;
  }
}

function probeOf(child: Child): Probe {
  const ask = <Answer>(question: ProbeQuestion) => child.ask<Answer>(question);
  return {
    heap: () => ask<HeapMemory>('memory'),
    startProfile: () => ask<void>('start profile'),
    stopProfile: () => ask<ProfileLine[]>('stop profile'),
  };
}
