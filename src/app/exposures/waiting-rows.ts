import type { JsonObject } from '../../core/model.ts';
import type { Outcome } from '../../core/outcome.ts';
import type { ExposureSource } from '../../ports/exposure-store.ts';
import type { RecordedMoment } from './recorded-places.ts';

/**
 * What was just decided, as references to what is there anyway: to write a row takes no longer than a few assignments.
 * Whoever reads the rows clears them.
 */
export class WaitingRows {
  length = 0;
  readonly capacity: number;
  readonly times: Float64Array;
  readonly moments: (RecordedMoment | undefined)[];
  readonly sources: (ExposureSource | undefined)[];
  readonly answers: (Outcome | readonly Outcome[] | undefined)[];
  readonly subjects: string[];
  /** Only where some may be kept. */
  readonly attributes: (JsonObject | undefined)[];
  readonly clients: string[];

  constructor(capacity: number) {
    this.capacity = capacity;
    this.times = new Float64Array(capacity);
    this.moments = new Array(capacity).fill(undefined);
    this.sources = new Array(capacity).fill(undefined);
    this.answers = new Array(capacity).fill(undefined);
    this.subjects = new Array(capacity).fill('');
    this.attributes = new Array(capacity).fill(undefined);
    this.clients = new Array(capacity).fill('');
  }

  clear(): void {
    this.moments.fill(undefined, 0, this.length);
    this.answers.fill(undefined, 0, this.length);
    this.subjects.fill('', 0, this.length);
    this.attributes.fill(undefined, 0, this.length);
    this.clients.fill('', 0, this.length);
    this.length = 0;
  }
}
