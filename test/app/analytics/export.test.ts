import { expect, it } from 'vitest';
import {
  exportRows,
  isViewed,
  positionIn,
  postHogEvent,
  resumeTokenOf,
  segmentEvent,
} from '../../../src/app/analytics/export.ts';
import type { StoredEvaluation } from '../../../src/ports/exposure-store.ts';
import { createExposureModel } from '../../contract/exposure-model.ts';
import { HERE, record } from '../../support/recorded.ts';

const T = Date.parse('2030-01-01T10:00:00Z');
const PERIOD = { from: T, to: T + 3_600_000 };
const ROW: StoredEvaluation = {
  ...{ id: '7', time: T, flag: 'checkout', flagVersion: 4, revision: 9, variation: 'on', reason: 'SPLIT' },
  ...{ ruleId: 'beta', subject: 'anna', source: 'call', client: 'web/1', count: 2, weight: 1 },
};

it('passes on every row of the period once, in the order of time, whatever the size of a page', async () => {
  const store = createExposureModel();
  const evaluations = Array.from({ length: 1_203 }, (_, n) => ({
    ...{ time: T + (n % 50), flag: n % 3 === 0 ? 'a' : 'b', variation: 'on', subject: `s${n}` },
  }));
  await record(store, 'p', { evaluations });
  const rows: StoredEvaluation[] = [];
  for await (const page of exportRows(store, HERE, PERIOD)) rows.push(...page.rows);
  expect(new Set(rows.map(({ subject }) => subject)).size).toBe(1_203);
  expect(rows).toHaveLength(1_203);
  expect(rows.map(({ time }) => time)).toEqual(rows.map(({ time }) => time).sort((a, b) => a - b));

  const rest: StoredEvaluation[] = [];
  for await (const { position } of exportRows(store, HERE, PERIOD)) {
    const after = positionIn(resumeTokenOf(position));
    for await (const page of exportRows(store, HERE, { ...PERIOD, after })) rest.push(...page.rows);
    break;
  }
  expect(rest).toEqual(rows.slice(500));
});

it('ends when nobody waits', async () => {
  const store = createExposureModel();
  await record(store, 'p', { evaluations: [{ time: T, flag: 'a', variation: 'on' }] });
  const rows = exportRows(store, HERE, PERIOD, AbortSignal.abort());
  await expect(rows.next()).rejects.toMatchObject({ kind: 'cancelled' });
});

it('refuses a token that it did not make', () => {
  for (const token of ['', 'AAAA', Buffer.from('[1]').toString('base64url'), Buffer.from('null').toString()])
    expect(() => positionIn(token)).toThrow('resume_token');
});

it('says what Segment and PostHog want to hear of somebody who got a variation', () => {
  const more = { vexil_project: 'shop', vexil_environment: 'production', vexil_reason: 'SPLIT' };
  expect(segmentEvent(ROW, HERE)).toMatchObject({
    type: 'track',
    event: 'Experiment Viewed',
    messageId: expect.stringMatching(/^vexil-[\da-f]{8}-/),
    userId: 'anna',
    timestamp: '2030-01-01T10:00:00.000Z',
    properties: { experiment_id: 'checkout', variation_id: 'on', vexil_count: 2, ...more },
  });
  expect(postHogEvent(ROW, HERE)).toMatchObject({
    event: '$feature_flag_called',
    distinct_id: 'anna',
    timestamp: '2030-01-01T10:00:00.000Z',
    properties: { $feature_flag: 'checkout', $feature_flag_response: 'on', ...more },
  });
  expect(postHogEvent(ROW, HERE).uuid).toMatch(
    /^[\da-f]{8}-[\da-f]{4}-5[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/,
  );
  expect([ROW, { ...ROW, subject: '' }, { ...ROW, variation: '' }].map(isViewed)).toEqual([
    true,
    false,
    false,
  ]);
});

it('gives an event the same id each time, and another one than any other row has, of any other store', () => {
  const others: StoredEvaluation[] = [
    { ...ROW, id: '8' },
    { ...ROW, time: T + 1 },
    { ...ROW, flag: 'other' },
    { ...ROW, subject: 'bert' },
  ];
  const ids = [
    ...[ROW, ...others].map((row) => postHogEvent(row, HERE).uuid),
    postHogEvent(ROW, { ...HERE, environment: 'other' }).uuid,
  ];
  expect(new Set(ids).size).toBe(6);
  expect(postHogEvent({ ...ROW }, { ...HERE }).uuid).toBe(ids[0]);
  expect(segmentEvent(ROW, HERE).messageId).toBe(`vexil-${ids[0]}`);
});
