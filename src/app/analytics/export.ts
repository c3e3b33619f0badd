import { FlagError, invalid } from '../../core/errors.ts';
import type { JsonObject } from '../../core/model.ts';
import type { ExposureStore, RecordedPlace, RowQuery, StoredEvaluation } from '../../ports/exposure-store.ts';

const PAGE = 500;

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
    if (signal?.aborted) throw new FlagError('cancelled', 'nobody waits for the rows');
    const rows = await store.rows(place, { ...query, ...(after && { after }), limit: PAGE });
    const last = rows.at(-1);
    if (last === undefined) return;
    after = { time: last.time, id: last.id };
    yield { rows, position: after };
    if (rows.length < PAGE) return;
  }
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

/** Segment's track call "Experiment Viewed". The id of the message is that of the row, so sending it twice is safe. */
export function segmentEvent(row: StoredEvaluation, place: RecordedPlace): JsonObject {
  return {
    type: 'track',
    event: 'Experiment Viewed',
    messageId: `vexil-${row.id}`,
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

/** PostHog's `$feature_flag_called`, as its capture API takes it. */
export function postHogEvent(row: StoredEvaluation, place: RecordedPlace): JsonObject {
  return {
    event: '$feature_flag_called',
    distinct_id: row.subject,
    timestamp: new Date(row.time).toISOString(),
    properties: {
      $feature_flag: row.flag,
      $feature_flag_response: row.variation,
      $insert_id: `vexil-${row.id}`,
      ...moreOf(row, place),
    },
  };
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
