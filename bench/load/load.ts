import { fileURLToPath } from 'node:url';
import { type Child, startChild } from '../lib/child.ts';
import type { Asking } from './ask.ts';
import type { Http1Load } from './http1.ts';
import type { StreamLoad } from './stream.ts';
import type { Throughput } from './throughput.ts';
import type { UnaryLoad } from './unary.ts';
import type { Delivery, WatchLoad } from './watch.ts';
import type { LoadQuestion } from './worker.ts';

const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url));

/** The answers of a server, for comparison. */
export function answersTo(asking: Asking): Promise<string[]> {
  return inProcess((child) => child.ask({ kind: 'ask', asking } satisfies LoadQuestion));
}

/** Each of these runs in a fresh process, and rejects if any call goes wrong. */
export function loadUnary(load: UnaryLoad): Promise<Throughput> {
  return inProcess((child) => child.ask({ kind: 'unary', load } satisfies LoadQuestion));
}

export function loadHttp1(load: Http1Load): Promise<Throughput> {
  return inProcess((child) => child.ask({ kind: 'http1', load } satisfies LoadQuestion));
}

export function loadStream(load: StreamLoad): Promise<Throughput> {
  return inProcess((child) => child.ask({ kind: 'stream', load } satisfies LoadQuestion));
}

/** Watches in a process of their own, open until disposed. */
export interface Watchers extends AsyncDisposable {
  change(): Promise<Delivery>;
}

export async function startWatchers(load: WatchLoad): Promise<Watchers> {
  const child = startChild(WORKER);
  try {
    await child.ask({ kind: 'watch', load } satisfies LoadQuestion);
  } catch (error) {
    await child[Symbol.asyncDispose]();
    throw error;
  }
  return {
    change: () => child.ask<Delivery>({ kind: 'change' } satisfies LoadQuestion),
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}

async function inProcess<Answer>(use: (child: Child) => Promise<Answer>): Promise<Answer> {
  await using child = startChild(WORKER);
  return await use(child);
}
