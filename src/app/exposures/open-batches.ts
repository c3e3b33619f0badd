import { HOUR_MS } from '../../ports/batch-tables.ts';
import type { RecordedPlace } from '../../ports/exposure-store.ts';
import { BatchBuilder } from './batch-builder.ts';

const MOST_SPARE = 2;

/** The batches that are being filled, one for each environment and hour. */
export class OpenBatches {
  /** About how much memory they take, as far as it was counted. */
  bytes = 0;
  readonly #byKey = new Map<string, BatchBuilder>();
  /** Their memory is used again. */
  readonly #spare: BatchBuilder[] = [];
  readonly #close: (builder: BatchBuilder) => void;
  #last: BatchBuilder | undefined;
  #lastKey = '';

  /** What is told to be closed may not be kept. */
  constructor(close: (builder: BatchBuilder) => void) {
    this.#close = close;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** Counts what was added to a batch. */
  weigh(builder: BatchBuilder): void {
    const { bytes } = builder;
    this.bytes += bytes - builder.weighed;
    builder.weighed = bytes;
  }

  /** The one for this moment; `key` is the environment's. */
  at(place: RecordedPlace, key: string, time: number): BatchBuilder {
    const hour = Math.max(0, Math.floor(time / HOUR_MS));
    if (this.#last !== undefined && this.#lastKey === key && this.#last.hour === hour) return this.#last;
    const name = `${key} ${hour}`;
    const { project, environment } = place;
    let builder = this.#byKey.get(name);
    if (builder === undefined) {
      builder = this.#spare.pop() ?? new BatchBuilder();
      builder.begin({ project, environment }, hour);
      this.#byKey.set(name, builder);
    }
    this.#last = builder;
    this.#lastKey = key;
    return builder;
  }

  closeFull(): void {
    for (const [name, builder] of this.#byKey) if (builder.isFull) this.#closeOne(name, builder);
  }

  closeAll(): void {
    for (const [name, builder] of this.#byKey) this.#closeOne(name, builder);
  }

  #closeOne(name: string, builder: BatchBuilder): void {
    this.#byKey.delete(name);
    if (this.#last === builder) this.#last = undefined;
    this.bytes -= builder.weighed;
    this.#close(builder);
    builder.clear();
    if (this.#spare.length < MOST_SPARE) this.#spare.push(builder);
  }
}
