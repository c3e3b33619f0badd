import { FlagError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type {
  RecordedContext,
  RecordedEvaluation,
  RecordedEvent,
  RecordedPlace,
} from '../../ports/exposure-store.ts';
import type { Recorder } from './recorder.ts';
import { ReportedIds } from './reported-ids.ts';

/** One thing that somebody reports, checked. */
export interface Reported {
  /** Chosen by the client; empty if it has none. */
  readonly id: string;
  readonly item:
    | { readonly kind: 'evaluation'; readonly evaluation: RecordedEvaluation }
    | { readonly kind: 'event'; readonly event: RecordedEvent };
  readonly context: RecordedContext;
}

export interface ReportOutcome {
  readonly accepted: number;
  /** Reported before. */
  readonly repeated: number;
}

/** Takes what is reported, each once, and answers when it is durable. */
export class Reports {
  readonly #recorder: Recorder;
  readonly #clock: Clock;
  readonly #ids: ReportedIds;
  /** Of those whose key anybody may have: they neither take the names of others nor push them out of memory. */
  readonly #publicIds: ReportedIds;

  constructor(recorder: Recorder, clock: Clock) {
    this.#recorder = recorder;
    this.#clock = clock;
    this.#ids = new ReportedIds(clock);
    this.#publicIds = new ReportedIds(clock);
  }

  /**
   * Rejects with `exhausted` when there is no room: then nothing was accepted. Rejects with `unavailable` when it takes
   * longer than `patienceMs` until all is durable: then it may still become so, and to report it again under the same ids
   * is safe. `isPublic` says that anybody may have the key of whoever reports.
   */
  async take(
    place: RecordedPlace,
    reported: readonly Reported[],
    patienceMs: number,
    isPublic = false,
  ): Promise<ReportOutcome> {
    const ids = isPublic ? this.#publicIds : this.#ids;
    const { promise: landing, resolve, reject } = Promise.withResolvers<void>();
    landing.catch(() => undefined);
    const fresh: Reported[] = [];
    const earlier: Promise<void>[] = [];
    for (const each of reported) {
      const name = each.id && `${place.project}/${place.environment} ${each.item.kind} ${each.id}`;
      const known = name === '' ? undefined : ids.landing(name);
      if (known !== undefined) {
        earlier.push(known);
        continue;
      }
      fresh.push(each);
      if (name !== '') ids.add(name, landing);
    }
    if (fresh.length === 0) resolve();
    else this.#recorder.reported({ place, ...sorted(fresh) }).then(resolve, reject);
    await this.#within(patienceMs, Promise.all([landing, ...earlier]));
    return { accepted: fresh.length, repeated: reported.length - fresh.length };
  }

  async #within(patienceMs: number, landed: Promise<unknown>): Promise<void> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    using _timer = this.#clock.after(patienceMs, () => reject(notYet()));
    await Promise.race([landed, late]);
  }
}

function sorted(reported: readonly Reported[]) {
  const evaluations = reported.flatMap(({ item }) => (item.kind === 'evaluation' ? [item.evaluation] : []));
  const events = reported.flatMap(({ item }) => (item.kind === 'event' ? [item.event] : []));
  return { evaluations, events, contexts: reported.map(({ context }) => context) };
}

function notYet(): FlagError {
  return new FlagError('unavailable', 'what is reported is not durable yet: report it again', {
    reason: 'QUEUE_UNAVAILABLE',
    retryAfterMs: 1_000,
  });
}
