import type { Clock } from '../../ports/clock.ts';
import type { ExposureStore } from '../../ports/exposure-store.ts';
import { Complaints } from '../complaints.ts';
import type { Report } from '../quarantine.ts';

/** What a process that is gone has left behind: how much it had accepted by then, and when that was. */
export interface LeftNote {
  readonly process: string;
  readonly accepted: number;
  readonly at: number;
}

export interface LeftNotes {
  /** Those of processes that are gone and are not forgotten. */
  left(): readonly LeftNote[];
  forget(process: string): void;
}

const RETRY_MS = 5_000;
/** One that was ending when this began is gone by then. */
const LOOK_MS = 60_000;

/** Tells the store of each process that is gone, so that what it took with it is counted as lost. Until it has heard. */
export class GoneProcesses implements AsyncDisposable {
  readonly #notes: LeftNotes;
  readonly #store: ExposureStore;
  readonly #clock: Clock;
  readonly #complaints: Complaints;
  #next: Disposable | undefined;
  #running: Promise<void> | undefined;
  #isOpen = true;

  constructor(parts: { notes: LeftNotes; store: ExposureStore; clock: Clock; report: Report }) {
    this.#notes = parts.notes;
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#complaints = new Complaints(parts.clock, parts.report);
    this.look();
  }

  /** To be called when a process may have gone. */
  look(): void {
    this.#next?.[Symbol.dispose]();
    this.#running ??= this.#close().finally(() => {
      this.#running = undefined;
    });
  }

  async #close(): Promise<void> {
    try {
      for (const { process, accepted, at } of this.#notes.left()) {
        if (!this.#isOpen) return;
        // One that never recorded anything has nothing to account for.
        if (accepted > 0) await this.#store.close(process, accepted, at);
        this.#notes.forget(process);
      }
      this.#lookIn(LOOK_MS);
    } catch (error) {
      this.#complaints.make('what a process had accepted cannot be written down', '', { error });
      this.#lookIn(RETRY_MS);
    }
  }

  #lookIn(delayMs: number): void {
    if (this.#isOpen) this.#next = this.#clock.after(delayMs, () => this.look());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOpen = false;
    this.#next?.[Symbol.dispose]();
    await this.#running;
  }
}
