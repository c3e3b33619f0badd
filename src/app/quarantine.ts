import { type Change, idString, type ObjectId, type Operation } from '../core/change.ts';
import { identified } from './identified.ts';
import { shapeProblem } from './stored-object.ts';

/** Something in the log that this build does not understand. What was before stays in force. */
export interface Problem {
  /** The object. Absent: nobody can say which objects the change was about. */
  readonly id?: ObjectId;
  /** The revision that made it so. */
  readonly revision: number;
  readonly message: string;
}

/** What is left of a change. */
export interface Admitted {
  readonly operations: readonly Operation[];
  /** Every object that may be different now, also for having got a problem. */
  readonly touched: readonly ObjectId[];
}

export type Report = (problem: string, details: Readonly<Record<string, unknown>>) => void;

/**
 * Keeps what cannot be understood from doing harm: each such object stays at its last good version, or is known
 * only by its name, until a later change mends or deletes it. Everything else goes on. Each is reported once.
 */
export class Quarantine {
  readonly #problems = new Map<string, Problem>();
  readonly #report: Report;

  constructor(report: Report = () => undefined) {
    this.#report = report;
  }

  /** The operations of a change that was read from the log, without those that cannot be applied. Never throws. */
  admit(change: Change): Admitted {
    const operations: Operation[] = [];
    const touched: ObjectId[] = [];
    for (const operation of change.operations) {
      const id = identified(operation);
      if (id === undefined) {
        this.#add({ revision: change.revision, message: 'it does something that is not known here' });
        continue;
      }
      touched.push(id);
      const problem = operation.op === 'put' ? shapeProblem(operation.object) : undefined;
      if (problem === undefined) {
        this.#problems.delete(idString(id));
        operations.push(operation);
      } else this.#add({ id, revision: change.revision, message: problem });
    }
    return { operations, touched };
  }

  /** Admits nothing of a change that must not be trusted, and says which objects, as far as it names any, stay as they were. */
  refuse(change: Change, message: string): readonly ObjectId[] {
    const touched = change.operations.flatMap((operation) => identified(operation) ?? []);
    for (const id of touched) this.#add({ id, revision: change.revision, message });
    if (touched.length === 0) this.#add({ revision: change.revision, message });
    return touched;
  }

  /** Takes up what was found by an earlier process, or about a change of which nothing can be read. */
  add(problems: Iterable<Problem>): void {
    for (const problem of problems) this.#add(problem);
  }

  problemWith(id: ObjectId): Problem | undefined {
    return this.#problems.size === 0 ? undefined : this.#problems.get(idString(id));
  }

  problems(): readonly Problem[] {
    return [...this.#problems.values()];
  }

  #add(problem: Problem): void {
    const { id, revision, message } = problem;
    const name = id === undefined ? `revision ${revision}` : idString(id);
    if (this.#problems.get(name)?.revision === revision) return;
    this.#problems.set(name, problem);
    const what = nameOf(problem);
    this.#report('something in the log is not understood', { what, revision, message });
  }
}

/** `flag checkout`, `settings checkout in production`, or `revision 7` if nobody knows what it is about. */
export function nameOf({ id, revision }: Problem): string {
  if (id === undefined) return `revision ${revision}`;
  const { kind, key, environment } = id;
  return environment === '' ? `${kind} ${key}` : `${kind} ${key} in ${environment}`;
}
