import { Session } from 'node:inspector/promises';
import { answerQuestions } from '../lib/child.ts';
import { type ProfileLine, selfTimes } from './self-times.ts';

// Loaded into a server before it starts (`--import`), to look into it from outside.

/** What a server can be asked besides its API. */
export type ProbeQuestion = 'memory' | 'start profile' | 'stop profile';

/** Bytes in use in a server after everything that is unused has been collected. */
export interface HeapMemory {
  readonly heap: number;
  /** Buffers and whatever else is accounted for outside of the heap. */
  readonly external: number;
}

const SAMPLE_EVERY_US = 200;

let session: Session | undefined;

answerQuestions((question: ProbeQuestion): Promise<unknown> => {
  switch (question) {
    case 'memory':
      return memory();
    case 'start profile':
      return start();
    case 'stop profile':
      return stop();
  }
});

async function memory(): Promise<HeapMemory> {
  if (gc === undefined) throw new Error('the server was started without --expose-gc');
  for (let times = 0; times < 3; times++) {
    gc({ type: 'major', execution: 'sync', flavor: 'last-resort' });
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const { heapUsed, external } = process.memoryUsage();
  return { heap: heapUsed, external };
}

async function start(): Promise<void> {
  session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_EVERY_US });
  await session.post('Profiler.start');
}

async function stop(): Promise<ProfileLine[]> {
  if (session === undefined) throw new Error('no profile was started');
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  session = undefined;
  return selfTimes(profile);
}
