import { NatsError } from 'nats';
import type { Clock } from '../../ports/clock.ts';
import { DEDUPE_MS } from '../../ports/parcel-check.ts';
import type { Standing } from './exposure-stream.ts';

const LOOK_MS = 60_000;
/** For clocks of servers that run a little slower. */
const SLACK_MS = 30_000;
const MOST_AT_A_LOOK = 20_000;
const AT_ONCE = 20;

interface Floor {
  readonly at: number;
  /** All up to it was dealt with by then, and so was published before. */
  readonly sequence: number;
}

/**
 * Removes from a stream what was dealt with, so that it has room again; but only what nobody would publish again, for a
 * stream knows only the ids that it has once its server was started anew. Several replicas may do so.
 */
export class StreamTidying {
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  #floors: Floor[] = [];
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, onError: (error: unknown) => void) {
    this.#clock = clock;
    this.#onError = onError;
  }

  /** Looks, unless it did so within the last minute. What it has seen of another stream is to be forgotten before. */
  look(standing: Standing): void {
    const now = this.#clock.monotonic();
    if (now - this.#lookedAt < LOOK_MS) return;
    this.#lookedAt = now;
    this.#tidy(standing, now).catch(this.#onError);
  }

  forget(): void {
    this.#floors = [];
  }

  async #tidy(standing: Standing, now: number): Promise<void> {
    const { manager, stream, consumer } = standing;
    const { ack_floor } = await manager.consumers.info(stream, consumer);
    this.#floors.push({ at: now, sequence: ack_floor.stream_seq });
    const old = this.#floors.findLast(({ at }) => now - at > DEDUPE_MS + SLACK_MS);
    if (old !== undefined && (await removeUpTo(standing, old.sequence)))
      this.#floors = this.#floors.filter(({ at }) => at > old.at);
  }
}

/** One by one: a server that is told to remove all of them may forget others that somebody holds. False if some are left. */
async function removeUpTo({ manager, stream }: Standing, last: number): Promise<boolean> {
  const { first_seq: first } = (await manager.streams.info(stream)).state;
  const end = Math.min(last, first + MOST_AT_A_LOOK - 1);
  for (let from = first; from <= end; from += AT_ONCE) {
    const count = Math.min(AT_ONCE, end - from + 1);
    const removing = Array.from({ length: count }, (_, index) =>
      manager.streams.deleteMessage(stream, from + index, false).catch(unlessRemoved),
    );
    await Promise.all(removing);
  }
  return end === last;
}

/** Another replica may have been faster. */
function unlessRemoved(error: unknown): void {
  if (!(error instanceof NatsError) || error.api_error === undefined) throw error;
}
