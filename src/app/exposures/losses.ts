import type { DeclaredLoss, LossReason } from '../../ports/exposure-store.ts';

/** Units that were given up: since the start, and those that no batch has told of yet. */
export class Losses {
  readonly #total = new Map<LossReason, number>();
  #untold = new Map<string, DeclaredLoss>();

  get isTold(): boolean {
    return this.#untold.size === 0;
  }

  /** `sequence` is that of the batch they were in, if they came so far. */
  add(reason: LossReason, units: number, sequence?: number): void {
    if (units === 0) return;
    this.#total.set(reason, this.of(reason) + units);
    this.tellAgain([{ reason, units, ...(sequence !== undefined && { sequence }) }]);
  }

  /** What is now told, or will be told again. */
  take(): readonly DeclaredLoss[] {
    const losses = [...this.#untold.values()];
    this.#untold = new Map();
    return losses;
  }

  /** The batch that told of these is lost itself. */
  tellAgain(losses: readonly DeclaredLoss[]): void {
    for (const loss of losses) {
      const key = `${loss.reason} ${loss.sequence ?? ''}`;
      const units = (this.#untold.get(key)?.units ?? 0) + loss.units;
      this.#untold.set(key, { ...loss, units });
    }
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
