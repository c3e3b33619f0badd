import type {
  RecordedBatch,
  RecordedContext,
  RecordedEvaluation,
  RecordedEvent,
} from '../../src/ports/exposure-store.ts';

export const PLACE = { project: 'shop', environment: 'production' };
export const FLAGS = 350;
export const SUBJECTS = 100_000;
/** A million evaluations are a day. */
export const EVALUATIONS_A_DAY = 1_000_000;

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const BEGIN = Date.UTC(2026, 2, 2);
/** What a caller asks at once for one user. */
const FLAGS_A_CALL = 10;
const CALLS_A_BATCH = 50;
export const EVALUATIONS_A_BATCH = FLAGS_A_CALL * CALLS_A_BATCH;
const CALLS_PER_EVENT = 5;

/** When that many evaluations are over. */
export function timeAfter(evaluations: number): number {
  return BEGIN + Math.floor((evaluations / EVALUATIONS_A_DAY) * DAY_MS);
}

export function flagName(index: number): string {
  return `flag-${index % FLAGS}`;
}

export function subjectName(index: number): string {
  return `user-${index % SUBJECTS}`;
}

/**
 * The batch of that number in what a service with one process records: calls of ten flags each for users at random, some
 * of whom do something later. Nothing in it depends on anything but the number.
 */
export function batchOf(number: number): RecordedBatch {
  const random = randomFrom(number);
  const from = number * EVALUATIONS_A_BATCH;
  const start = timeAfter(from);
  const hour = Math.floor(start / HOUR_MS);
  const evaluations: RecordedEvaluation[] = [];
  const events: RecordedEvent[] = [];
  const contexts: RecordedContext[] = [];
  for (let call = 0; call < CALLS_A_BATCH; call++) {
    const subject = subjectName(random(SUBJECTS));
    const time = Math.min(start + call, (hour + 1) * HOUR_MS - 1);
    const first = random(FLAGS);
    for (let flag = first; flag < first + FLAGS_A_CALL; flag++)
      evaluations.push(evaluationOf(flagName(flag), subject, time));
    if (call % CALLS_PER_EVENT === 0) events.push(eventOf(subject, time, random(100)));
    contexts.push({ subject, attributes: { plan: random(2) ? 'pro' : 'free' }, seenAt: time });
  }
  const units = evaluations.length + events.length;
  return {
    ...{
      id: `bench:${number + 1}`,
      process: 'bench',
      sequence: number + 1,
      digest: `${number}`,
      place: PLACE,
    },
    ...{ hour, units, acceptedSoFar: units * (number + 1), evaluations, events, contexts, losses: [] },
  };
}

function evaluationOf(flag: string, subject: string, time: number): RecordedEvaluation {
  const isOn = (flag.length + subject.charCodeAt(subject.length - 1)) % 3 === 0;
  return {
    ...{ time, flag, subject, flagVersion: 7, revision: 41, variation: isOn ? 'on' : 'off', source: 'call' },
    ...{ reason: isOn ? 'SPLIT' : 'DEFAULT', ruleId: isOn ? 'rule-1' : '', client: 'node/1.0' },
    ...{ count: 1, weight: 1 },
  };
}

function eventOf(subject: string, time: number, chance: number): RecordedEvent {
  if (chance < 5) return { time, subject, event: 'TypeError', kind: 'error', count: 1 };
  return { time, subject, event: 'checkout', kind: 'metric', value: chance, count: 1 };
}

/** Whole numbers below a bound, by xorshift. */
function randomFrom(seed: number): (below: number) => number {
  let state = (seed + 1) * 0x9e3779b1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
