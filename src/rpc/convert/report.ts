import { type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt';
import type { Context as ContextMessage } from '../../../gen/vexil/v1/evaluation_pb.ts';
import { type Event, EventKind, type Exposure } from '../../../gen/vexil/v1/telemetry_service_pb.ts';
import type { ContextLimits } from '../../app/decisions.ts';
import type { Reported } from '../../app/exposures/reports.ts';
import type { CompiledFlag } from '../../core/compile-flag.ts';
import { FlagError, type Violation } from '../../core/errors.ts';
import { LARGEST_VALUE } from '../../ports/batch-check.ts';
import type { ExposureSource, EventKind as KindOfEvent } from '../../ports/exposure-store.ts';
import { contextFrom } from './context.ts';
import { errorCodes, pairing, reasons } from './enums.ts';
import type { Mistakes } from './reading.ts';

/** What reports are held against. */
export interface ReportPlace {
  readonly now: number;
  readonly revision: number;
  /** Undefined for a flag that does not exist, or not for this caller. */
  readonly flag: (key: string) => CompiledFlag | undefined;
  readonly limits: ContextLimits;
  readonly client: string;
}

const LONGEST_ID = 64;
const LONGEST_NAME = 100;
const LONGEST_RULE = 100;
const OLDEST_MS = 7 * 86_400_000;
const CONTROL = /\p{Cc}/u;

const eventKinds = pairing<KindOfEvent, EventKind>(EventKind.UNSPECIFIED, {
  metric: EventKind.METRIC,
  error: EventKind.ERROR,
  crash: EventKind.CRASH,
});

/** What an exposure says. Notes what is wrong in `mistakes`, under its field in the item. */
export function exposureFrom(
  message: Exposure,
  place: ReportPlace,
  mistakes: Mistakes,
): Reported | undefined {
  const { id, flagKey, variation, ruleId } = message;
  checkId(id, mistakes);
  const context = contextIn(message.context, place, mistakes);
  const flag = flagIn(flagKey, place, mistakes);
  if (variation !== '' && flag !== undefined && !hasVariation(flag, variation))
    mistakes.push({ path: 'variation', message: `flag ${flagKey} has no such variation` });
  if (ruleId.length > LONGEST_RULE || CONTROL.test(ruleId))
    mistakes.push({ path: 'rule_id', message: `must be text of at most ${LONGEST_RULE} characters` });
  const time = timeIn(message.time, place, mistakes);
  const flagVersion = numberIn(message.flagVersion, 'flag_version', flag?.version ?? 0, mistakes);
  const revision = numberIn(message.revision, 'revision', place.revision, mistakes);
  if (mistakes.length > 0) return undefined;
  const errorCode = errorCodes.fromWire(message.errorCode);
  const source: ExposureSource = message.manual ? 'manual' : 'reported';
  const evaluation = {
    ...{ time, flag: flagKey, flagVersion, revision, variation, ruleId, source, client: place.client },
    reason: reasons.fromWire(message.reason) ?? 'DEFAULT',
    ...(errorCode !== undefined && { errorCode }),
    ...{ subject: context.subject, count: 1, weight: 1 },
  };
  return { id, item: { kind: 'evaluation', evaluation }, context: { ...context, seenAt: time } };
}

/** The same for what an event says. */
export function eventFrom(message: Event, place: ReportPlace, mistakes: Mistakes): Reported | undefined {
  const { id, name, value, flagKey } = message;
  checkId(id, mistakes);
  if (name === '' || name.length > LONGEST_NAME || CONTROL.test(name) || !name.isWellFormed())
    mistakes.push({ path: 'name', message: `must be text of 1 to ${LONGEST_NAME} characters` });
  // What somebody says is added to what others said: nobody may make a sum of it that is no number.
  if (value !== undefined && !(Math.abs(value) <= LARGEST_VALUE))
    mistakes.push({ path: 'value', message: `must be a number from -${LARGEST_VALUE} to ${LARGEST_VALUE}` });
  if (flagKey !== '') flagIn(flagKey, place, mistakes);
  const context = contextIn(message.context, place, mistakes);
  const time = timeIn(message.time, place, mistakes);
  if (mistakes.length > 0) return undefined;
  const event = {
    ...{ time, event: name, kind: eventKinds.fromWire(message.kind) ?? 'metric', subject: context.subject },
    ...(flagKey !== '' && { flag: flagKey }),
    ...(value !== undefined && { value }),
    count: 1,
  };
  return { id, item: { kind: 'event', event }, context: { ...context, seenAt: time } };
}

function checkId(id: string, mistakes: Mistakes): void {
  if (id.length > LONGEST_ID)
    mistakes.push({ path: 'id', message: `must be at most ${LONGEST_ID} characters` });
}

function contextIn(message: ContextMessage | undefined, { limits }: ReportPlace, mistakes: Mistakes) {
  try {
    const { targetingKey, attributes } = contextFrom(message, limits);
    return { subject: targetingKey, attributes };
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    mistakes.push(...(error.details.violations ?? [violationOf(error)]));
    return { subject: '', attributes: {} };
  }
}

function violationOf({ message }: FlagError): Violation {
  return { path: 'context', message };
}

function flagIn(key: string, place: ReportPlace, mistakes: Mistakes): CompiledFlag | undefined {
  const flag = place.flag(key);
  if (flag === undefined) mistakes.push({ path: 'flag_key', message: 'there is no such flag' });
  return flag;
}

function hasVariation({ flag }: CompiledFlag, variation: string): boolean {
  return flag.variations.some(({ key }) => key === variation);
}

/** Neither before what anybody could still want to know nor in the future: clocks of clients are often wrong. */
function timeIn(time: Timestamp | undefined, { now }: ReportPlace, mistakes: Mistakes): number {
  if (time === undefined) return now;
  const ms = Math.trunc(timestampMs(time));
  if (Number.isSafeInteger(ms)) return Math.min(now, Math.max(ms, now - OLDEST_MS));
  mistakes.push({ path: 'time', message: 'must be a time between the years 1 and 9999' });
  return now;
}

function numberIn(value: bigint, path: string, standard: number, mistakes: Mistakes): number {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER))
    mistakes.push({ path, message: 'must be the number of a revision' });
  return value === 0n ? standard : Number(value);
}
