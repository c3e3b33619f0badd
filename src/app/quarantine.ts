import { type Change, idOf, idString, type ObjectId, type Operation } from '../core/change.ts';
import { shapeProblem } from './stored-object.ts';

/** An object in the log that this build does not understand. What it was before stays in force. */
export interface Problem {
  readonly id: ObjectId;
  /** The revision that made it so. */
  readonly revision: number;
  readonly message: string;
}

/**
 * Keeps what cannot be understood from doing harm: each such object stays at its last good version, or is known
 * only by its name, until a later change mends or deletes it. Everything else goes on.
 */
export class Quarantine {
  readonly #problems = new Map<string, Problem>();

  /** The operations of a change that was read from the log, without those that cannot be applied. */
  admit(change: Change): readonly Operation[] {
    const admitted = change.operations.filter((operation) => {
      const problem = operation.op === 'put' ? shapeProblem(operation.object) : undefined;
      const id = operation.op === 'put' ? idOf(operation.object) : operation.id;
      if (problem === undefined) this.#problems.delete(idString(id));
      else this.#problems.set(idString(id), { id, revision: change.revision, message: problem });
      return problem === undefined;
    });
    return admitted.length === change.operations.length ? change.operations : admitted;
  }

  problemWith(id: ObjectId): Problem | undefined {
    return this.#problems.size === 0 ? undefined : this.#problems.get(idString(id));
  }

  problems(): readonly Problem[] {
    return [...this.#problems.values()];
  }
}
