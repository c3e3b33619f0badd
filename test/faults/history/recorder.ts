import type { Change } from '../../../src/core/change.ts';
import type { Instant } from '../../../src/core/model.ts';
import type {
  Claim,
  EvaluationSeen,
  FaultSeen,
  FinalSeen,
  History,
  OperationSeen,
  ViewSeen,
  WatchSeen,
} from './history.ts';

/** A message without its time, which the recorder adds. */
export type WatchTold = WatchSeen extends infer M ? (M extends WatchSeen ? Omit<M, 'at'> : never) : never;

/** What a client insists on, and how it calls itself. */
export type OperationBegun = Pick<OperationSeen, 'client' | 'key' | 'what' | 'expected'>;
export type OperationEnded = Pick<OperationSeen, 'outcome' | 'code' | 'revision' | 'attempts'>;

/** Takes down everything that clients do and see, with the time, for the checker. */
export class Recorder {
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  readonly #given: Pick<History, 'convergeWithinMs' | 'startEpochMs'>;
  readonly #operations = new Map<string, OperationSeen>();
  readonly #watchers: {
    client: string;
    environment: string;
    view: ViewSeen;
    messages: WatchSeen[];
    isLive: boolean;
  }[] = [];
  readonly #evaluations: EvaluationSeen[] = [];
  readonly #claims: Claim[] = [];
  readonly #faults: { what: string; from: number; to: number }[] = [];
  readonly #finals: FinalSeen[] = [];
  readonly #incidents: string[] = [];
  #healedAt = 0;
  #beganAt = 0;

  constructor(now: () => number, given: Pick<History, 'convergeWithinMs' | 'startEpochMs'>) {
    this.now = now;
    this.#given = given;
  }

  /** The log as it is before anything happens: nobody is asked about changes up to this one. */
  begin(revision: number): void {
    this.#beganAt = revision;
  }

  /** An operation is asked for. What `ended` is never called for may or may not have been done. */
  operation(begun: OperationBegun): { ended(how: OperationEnded): void } {
    const open: OperationSeen = {
      ...{ ...begun, invokedAt: this.now(), returnedAt: Number.POSITIVE_INFINITY },
      ...{ outcome: 'info', code: '', revision: 0, attempts: 0 },
    };
    this.#operations.set(begun.key, open);
    return {
      ended: (how) => void this.#operations.set(begun.key, { ...open, ...how, returnedAt: this.now() }),
    };
  }

  watcher(client: string, environment: string, view: ViewSeen) {
    const messages: WatchSeen[] = [];
    const watcher = { client, environment, view, messages, isLive: true };
    this.#watchers.push(watcher);
    return {
      told: (message: WatchTold) => void messages.push({ ...message, at: this.now() }),
      /** It does not watch any more. */
      left: () => {
        watcher.isLive = false;
      },
    };
  }

  /** Whether everybody who watches was told to be at this revision. */
  watchersAt(revision: number): boolean {
    return this.#watchers.every(({ isLive, messages }) => {
      const last = messages.findLast(({ kind }) => kind === 'end' || kind === 'delta' || kind === 'bookmark');
      if (!isLive || last === undefined) return !isLive;
      return (last.kind === 'delta' ? last.to : 'revision' in last ? last.revision : 0) >= revision;
    });
  }

  evaluated(evaluation: EvaluationSeen): void {
    this.#evaluations.push(evaluation);
  }

  claimed(claim: Claim): void {
    this.#claims.push(claim);
  }

  /** A fault begins; it ends when what is returned is called. */
  fault(what: string): () => void {
    const fault = { what, from: this.now(), to: Number.POSITIVE_INFINITY };
    this.#faults.push(fault);
    return () => {
      fault.to = Math.min(fault.to, this.now());
      this.#healedAt = Math.max(this.#healedAt, fault.to);
    };
  }

  final(final: FinalSeen): void {
    this.#finals.push(final);
  }

  incident(message: string): void {
    this.#incidents.push(message);
  }

  /** The last fault is over, and nobody writes any more. */
  healed(): void {
    this.#healedAt = this.now();
  }

  /** Everything up to now, with the log as it is. */
  history(log: readonly Change[] = [], asOf: Instant = ''): History {
    const faults: readonly FaultSeen[] = this.#faults;
    return {
      ...this.#given,
      ...{ log, asOf, faults, healedAt: this.#healedAt, beganAt: this.#beganAt, incidents: this.#incidents },
      ...{ watchers: this.#watchers, evaluations: this.#evaluations, claims: this.#claims },
      ...{ finals: this.#finals, operations: [...this.#operations.values()] },
    };
  }
}
