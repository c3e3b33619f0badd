import type { DeclaredLoss, LossReason } from '../../ports/exposure-store.ts';

/** So many batches that were given up are told of one by one; of more than that, only how much was in them. */
const MOST_SEQUENCES = 100;

/** Units that were given up: since the start, and those that no batch has told of yet. */
export class Losses {
  readonly #total = new Map<LossReason, number>();
  #untold = new Map<string, DeclaredLoss>();
  #isNew = false;

  /** Nothing was lost that nobody tried to tell yet. What could not be told is told with whatever is told next. */
  get isTold(): boolean {
    return !this.#isNew;
  }

  /** There is nothing to tell. */
  get isEmpty(): boolean {
    return this.#untold.size === 0;
  }

  /** `sequence` is that of the batch they were in, if they came so far. */
  add(reason: LossReason, units: number, sequence?: number): void {
    if (units === 0) return;
    this.#total.set(reason, this.of(reason) + units);
    this.#isNew = true;
    this.#note({ reason, units, ...(sequence !== undefined && { sequence }) });
  }

  /** What is now told, or will be told again. */
  take(): readonly DeclaredLoss[] {
    const losses = [...this.#untold.values()];
    this.#untold = new Map();
    this.#isNew = false;
    return losses;
  }

  /** The batch that told of these is lost itself. */
  tellAgain(losses: readonly DeclaredLoss[]): void {
    for (const loss of losses) this.#note(loss);
  }

  #note(loss: DeclaredLoss): void {
    const key = `${loss.reason} ${loss.sequence ?? ''}`;
    const units = (this.#untold.get(key)?.units ?? 0) + loss.units;
    this.#untold.set(key, { ...loss, units });
    const named = this.#untold.values().filter(({ sequence }) => sequence !== undefined);
    const [oldest, ...others] = named;
    if (oldest === undefined || others.length < MOST_SEQUENCES) return;
    this.#untold.delete(`${oldest.reason} ${oldest.sequence}`);
    this.#note({ reason: oldest.reason, units: oldest.units });
  }

  of(reason: LossReason): number {
    return this.#total.get(reason) ?? 0;
  }

  /** All since the start. */
  get units(): number {
    let units = 0;
    for (const each of this.#total.values()) units += each;
    return units;
  }
}
