import type { AcceptedNote } from '../app/exposures/accepted-note.ts';
import { GoneProcesses } from '../app/exposures/gone-processes.ts';
import { Recorder, type RecorderParts } from '../app/exposures/recorder.ts';
import type { Writing } from '../app/exposures/writing.ts';
import type { Clock } from '../ports/clock.ts';
import type { ExposureQueue } from '../ports/exposure-queue.ts';
import type { ExposureStore } from '../ports/exposure-store.ts';
import { openAcceptedNotes } from './accepted-notes.ts';
import type { Config } from './config.ts';

/** Where what is recorded goes. Neither is opened before it is asked for something. */
export interface Exposures {
  readonly queue: ExposureQueue;
  readonly store: ExposureStore;
}

export interface ExposureNeeds extends Pick<RecorderParts, 'catalog' | 'pepper' | 'process' | 'report'> {
  readonly clock: Clock;
  /** Of this instance. */
  readonly dataPath: string;
  /** Whether this process does what has to be done once for all processes of an instance. */
  readonly leads: boolean;
}

export type StartConfig = Pick<Config, 'roles' | 'retention' | 'exposures' | 'fleet'>;

/** What a process has to do with what is recorded. */
export interface ExposureWork {
  readonly recorder: Recorder;
  /** Undefined: this process does not write tables. */
  readonly writing: Writing | undefined;
  /** To be called when a worker was lost: what it took with it is to be counted. */
  readonly workerLost: () => void;
  /** Resolves when what was recorded is in the queue, or so much time is over. */
  flush(timeoutMs: number): Promise<void>;
  /** Ends it. Queue and store stay open. */
  close(): Promise<void>;
}

/**
 * Begins to record, and to write if this process has that role. What writes is loaded only then. Reports it if nobody will
 * ever write what is recorded here.
 */
export async function startExposures(
  exposures: Exposures,
  { roles, retention, exposures: settings, fleet }: StartConfig,
  { dataPath, leads, ...parts }: ExposureNeeds,
): Promise<ExposureWork | undefined> {
  if (settings === undefined) return undefined;
  if (leads && !roles.write && fleet?.nats === undefined)
    parts.report('nobody brings what is recorded here into tables: add write to VEXIL_ROLES, or share NATS', {
      ...{ setting: 'VEXIL_ROLES', alternative: 'VEXIL_NATS_URL', queueBytes: settings.queueBytes },
    });
  const notes = openAcceptedNotes(dataPath);
  const gone = leads ? new GoneProcesses({ notes, ...exposures, ...parts }) : undefined;
  const note: AcceptedNote & Disposable = notes.open(parts.process);
  const recorder = new Recorder({ ...parts, queue: exposures.queue, note, maxBytes: settings.bufferBytes });
  const writes = leads && roles.write;
  const writing = writes
    ? (await import('../app/exposures/writing.ts')).startWriting({ ...exposures, ...parts, retention })
    : undefined;
  return {
    ...{ recorder, writing },
    workerLost: () => gone?.look(),
    flush: (timeoutMs) => recorder.stop(timeoutMs),
    async close() {
      await recorder[Symbol.asyncDispose]();
      note[Symbol.dispose]();
      await writing?.[Symbol.asyncDispose]();
      await gone?.[Symbol.asyncDispose]();
    },
  };
}
