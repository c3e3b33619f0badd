import { hash } from 'node:crypto';
import { FlagError, invalid } from '../../core/errors.ts';
import type { JsonObject } from '../../core/model.ts';
import type { ExposureStore, RecordedPlace, RowQuery, StoredEvaluation } from '../../ports/exposure-store.ts';

/** To look for rows costs a store much the same however many it then has to return. */
const LOOKED_FOR = 4_000;
const PAGE = 500;
const NAMESPACE = 'vexil evaluations ';

/** Where an export goes on. */
export type RowPosition = NonNullable<RowQuery['after']>;

export interface RowPage {
  readonly rows: readonly StoredEvaluation[];
  /** Behind the last of them. */
  readonly position: RowPosition;
}

/** Every row in the order of time, some at a time, until there are no more. Rejects with `cancelled` when `signal` aborts. */
export async function* exportRows(
  store: Pick<ExposureStore, 'rows'>,
  place: RecordedPlace,
  query: Omit<RowQuery, 'limit'>,
  signal?: AbortSignal,
): AsyncGenerator<RowPage> {
  let { after } = query;
  for (;;) {
    if (signal?.aborted) throw nobodyWaits();
    const found = await store.rows(place, { ...query, ...(after && { after }), limit: LOOKED_FOR });
    for (let start = 0; start < found.length; start += PAGE) {
      if (signal?.aborted) throw nobodyWaits();
      const rows = found.slice(start, start + PAGE);
      const { time, id } = rows.at(-1) ?? { time: 0, id: '' };
      after = { time, id };
      yield { rows, position: after };
    }
    if (found.length < LOOKED_FOR) return;
  }
}

function nobodyWaits(): FlagError {
  return new FlagError('cancelled', 'nobody waits for the rows');
}

/** A position as text. */
export function resumeTokenOf({ time, id }: RowPosition): string {
  return Buffer.from(JSON.stringify([time, id])).toString('base64url');
}

/** The position that a token was made of. Throws `invalid` for anything else. */
export function positionIn(token: string): RowPosition {
  try {
    const [time, id]: unknown[] = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (typeof time === 'number' && Number.isFinite(time) && typeof id === 'string') return { time, id };
  } catch {}
  throw invalid([{ path: 'resume_token', message: 'is none' }]);
}

/** Whether somebody who is known got a variation: nothing else can have been viewed. */
export function isViewed({ subject, variation }: StoredEvaluation): boolean {
  return subject !== '' && variation !== '';
}

/** Segment's track call "Experiment Viewed". The id of the message is made of the row, so sending it twice is safe. */
export function segmentEvent(row: StoredEvaluation, place: RecordedPlace): JsonObject {
  return {
    type: 'track',
    event: 'Experiment Viewed',
    messageId: `vexil-${uuidOf(row, place)}`,
    userId: row.subject,
    timestamp: new Date(row.time).toISOString(),
    properties: {
      experiment_id: row.flag,
      experiment_name: row.flag,
      variation_id: row.variation,
      variation_name: row.variation,
      ...moreOf(row, place),
    },
  };
}

/** PostHog's `$feature_flag_called`, as its capture API takes it. What has the same `uuid` there counts once. */
export function postHogEvent(row: StoredEvaluation, place: RecordedPlace): JsonObject {
  return {
    event: '$feature_flag_called',
    uuid: uuidOf(row, place),
    distinct_id: row.subject,
    timestamp: new Date(row.time).toISOString(),
    properties: {
      $feature_flag: row.flag,
      $feature_flag_response: row.variation,
      ...moreOf(row, place),
    },
  };
}

/**
 * The same for a row each time, and no other row's: ids of rows are those of one store, and another one, of an installation
 * beside this or of the one before it was set up anew, may have them too. It looks like a UUID of version 5.
 */
function uuidOf(
  { id, time, flag, subject }: StoredEvaluation,
  { project, environment }: RecordedPlace,
): string {
  const name = JSON.stringify([project, environment, id, time, flag, subject]);
  const digits = [...hash('sha1', `${NAMESPACE}${name}`).slice(0, 32)];
  digits[12] = '5';
  digits[16] = (8 + (Number.parseInt(digits[16] ?? '0', 16) % 4)).toString(16);
  const all = digits.join('');
  return [all.slice(0, 8), all.slice(8, 12), all.slice(12, 16), all.slice(16, 20), all.slice(20)].join('-');
}

function moreOf(row: StoredEvaluation, { project, environment }: RecordedPlace): JsonObject {
  const { reason, ruleId, flagVersion, count, weight } = row;
  return {
    vexil_project: project,
    vexil_environment: environment,
    vexil_reason: reason,
    vexil_rule_id: ruleId,
    vexil_flag_version: flagVersion,
    vexil_count: count,
    vexil_weight: weight,
  };
}
