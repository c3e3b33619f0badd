import {
  AckPolicy,
  type ConsumerConfig,
  DeliverPolicy,
  DiscardPolicy,
  type JetStreamManager,
  type NatsConnection,
  nanos,
  ReplayPolicy,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from 'nats';
import { FlagError } from '../../core/errors.ts';
import { DEDUPE_MS, LARGEST_PARCEL_BYTES } from '../../ports/parcel-check.ts';
import { isMissing } from './jetstream-errors.ts';
import type { Report } from './quiet-report.ts';

export interface StreamWish {
  readonly stream: string;
  readonly subject: string;
  readonly maxBytes: number;
  readonly leaseMs: number;
}

/** The stream and its consumer, as they were found or made. */
export interface Standing {
  readonly manager: JetStreamManager;
  readonly stream: string;
  readonly consumer: string;
}

export const REQUEST_TIMEOUT_MS = 3_000;
/** For the headers of a message, and its seal. */
const ENVELOPE_BYTES = 4_096;
const MAX_AGE_MS = 72 * 3_600_000;
export const MOST_HELD = 256;

/**
 * Finds or makes the stream and the consumer, and corrects what can be corrected of how they are kept. Throws
 * `unavailable` for a stream that cannot be used; reports what it has changed.
 */
export async function standStream(
  connection: NatsConnection,
  wish: StreamWish,
  report: Report,
): Promise<Standing> {
  const manager = await connection.jetstreamManager({ checkAPI: false, timeout: REQUEST_TIMEOUT_MS });
  const created = await standStreamAlone(manager, wish, report);
  // Named after the stream's making: what is said of a parcel of an earlier stream must not be taken for one of this.
  const consumer = `writer-${Date.parse(created)}`;
  await standConsumer(manager, wish, consumer, report);
  return { manager, stream: wish.stream, consumer };
}

/**
 * Limits, not a work queue: such a stream forgets, when its server starts, the ids of what was dealt with. Nothing
 * is thrown away to make room: whoever publishes is told. Purging is denied, for some servers then lose what somebody
 * holds at the moment.
 */
function streamConfig({ stream, subject, maxBytes }: StreamWish) {
  return {
    name: stream,
    subjects: [subject],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    max_bytes: maxBytes,
    max_age: nanos(MAX_AGE_MS),
    max_msg_size: LARGEST_PARCEL_BYTES + ENVELOPE_BYTES,
    duplicate_window: nanos(DEDUPE_MS),
    deny_purge: true,
  } satisfies Partial<StreamConfig>;
}

async function standStreamAlone(
  manager: JetStreamManager,
  wish: StreamWish,
  report: Report,
): Promise<string> {
  const wanted = streamConfig(wish);
  const found = await unlessMissing(manager.streams.info(wish.stream));
  if (found === undefined) {
    // Several replicas may do so at once: JetStream takes equal ones for one.
    const made = await manager.streams.add(wanted);
    report('the stream of exposures was made', { stream: wish.stream });
    return made.created;
  }
  const wrong = differences(found.config, wanted);
  if (wrong.includes('retention') || wrong.includes('storage'))
    throw new FlagError(
      'unavailable',
      `stream ${wish.stream} cannot be used: it must have retention limits and storage file`,
      { reason: 'QUEUE_MISCONFIGURED' },
    );
  if (wrong.length > 0) {
    await manager.streams.update(wish.stream, { ...found.config, ...wanted });
    report('the stream of exposures was corrected', { stream: wish.stream, wrong });
  }
  return found.created;
}

async function standConsumer(
  manager: JetStreamManager,
  { stream, leaseMs }: StreamWish,
  name: string,
  report: Report,
): Promise<void> {
  const wanted = {
    durable_name: name,
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    replay_policy: ReplayPolicy.Instant,
    ack_wait: nanos(leaseMs),
    max_deliver: -1,
    max_ack_pending: MOST_HELD,
  } satisfies Partial<ConsumerConfig>;
  const found = await unlessMissing(manager.consumers.info(stream, name));
  if (found === undefined) {
    await manager.consumers.add(stream, wanted);
    report('the consumer of exposures was made', { stream, consumer: name });
    return;
  }
  const wrong = differences(found.config, wanted);
  if (wrong.length === 0) return;
  await manager.consumers.update(stream, name, { ...found.config, ...wanted });
  report('the consumer of exposures was corrected', { stream, consumer: name, wrong });
}

function differences(found: object, wanted: Readonly<Record<string, unknown>>): string[] {
  const there = new Map<string, unknown>(Object.entries(found));
  return Object.entries(wanted)
    .filter(([name, value]) => JSON.stringify(there.get(name)) !== JSON.stringify(value))
    .map(([name]) => name);
}

async function unlessMissing<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
