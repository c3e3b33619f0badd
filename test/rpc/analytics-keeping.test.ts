import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ExportedEvaluation, ExportFormat } from '../../gen/vexil/v1/analytics_service_pb.ts';
import { Reason } from '../../gen/vexil/v1/evaluation_pb.ts';
import { resumeTokenOf } from '../../src/app/analytics/export.ts';
import { batchId, encodeBatch } from '../../src/app/exposures/batch-text.ts';
import { SubjectNames } from '../../src/app/exposures/subject-names.ts';
import { recordedIn } from '../../src/rpc/analytics-service.ts';
import { batchContent, PROCESS, recordedEvaluation } from '../app/exposures/batches.ts';
import { errorOf, openShop, type Service } from '../support/in-process-service.ts';
import { PEPPER } from '../support/instance.ts';
import { HERE, record } from '../support/recorded.ts';

const HOUR_MS = 3_600_000;
const parent = 'projects/shop/environments/production';

let service: Service;
let now: number;
beforeEach(async () => {
  service = await openShop();
  now = service.instance.clock.now();
});
afterEach(() => service[Symbol.asyncDispose]());

const evaluated = (subject: string, variation = 'on') => ({
  ...{ time: now - 1_000, flag: 'checkout', variation, subject, reason: 'SPLIT' as const, ruleId: 'beta' },
});

describe('an export', () => {
  const exported = async (request: object) => {
    const rows: ExportedEvaluation[] = [];
    const events: unknown[] = [];
    let [skipped, resumeToken] = [0, ''];
    for await (const part of service.analytics.exportEvaluations({ parent, ...request })) {
      rows.push(...part.rows);
      events.push(...part.events);
      skipped += Number(part.skipped);
      resumeToken = part.resumeToken;
    }
    return { rows, events, skipped, resumeToken };
  };

  test('has every row as it was recorded, and goes on where it ended', async () => {
    await record(service.store, 'p', { evaluations: [evaluated('anna'), evaluated('bert', '')] });
    const { rows, resumeToken } = await exported({});
    expect(rows).toMatchObject([
      { flag: 'checkout', subject: 'anna', variation: 'on', reason: Reason.SPLIT, ruleId: 'beta', count: 1n },
      { flag: 'checkout', subject: 'bert', variation: '', time: timestampFromMs(now - 1_000) },
    ]);
    await record(service.store, 'q', { evaluations: [evaluated('carl')] });
    const { rows: more } = await exported({ resumeToken });
    expect(more.map(({ subject }) => subject)).toEqual(['carl']);
    expect((await exported({ subject: 'anna' })).rows.map(({ subject }) => subject)).toEqual(['anna']);
    expect((await exported({ flag: 'other' })).rows).toEqual([]);
  });

  test('goes on where it ended, although the period begins later by now', async () => {
    const early = { time: now - 2 * HOUR_MS, flag: 'checkout', variation: 'on' };
    await record(service.store, 'p', {
      evaluations: [0, 1, 2].map((n) => ({ ...early, time: early.time + n, subject: `s${n}` })),
    });
    const resumeToken = resumeTokenOf({ time: early.time, id: '9999999999999999' });
    const startTime = timestampFromMs(now - HOUR_MS);
    expect((await exported({ startTime })).rows).toEqual([]);
    const { rows } = await exported({ startTime, resumeToken });
    expect(rows.map(({ subject }) => subject)).toEqual(['s1', 's2']);
  });

  test('may be in the words of Segment or PostHog, and counts what it leaves out', async () => {
    await record(service.store, 'p', {
      evaluations: [evaluated('anna'), evaluated('bert', ''), evaluated('')],
    });
    const segment = await exported({ format: ExportFormat.SEGMENT });
    expect(segment).toMatchObject({ skipped: 2, events: [{ event: 'Experiment Viewed', userId: 'anna' }] });
    const postHog = await exported({ format: ExportFormat.POSTHOG });
    expect(postHog).toMatchObject({
      skipped: 2,
      events: [{ event: '$feature_flag_called', distinct_id: 'anna' }],
    });
  });

  test('is refused for a token that is none, and for an unknown place', async () => {
    expect(await errorOf(exported({ resumeToken: 'AAAA' }))).toMatchObject({ code: Code.InvalidArgument });
    expect(await errorOf(exported({ parent: 'projects/shop/environments/none' }))).toMatchObject({
      code: Code.NotFound,
    });
  });
});

describe('the ledger', () => {
  test('says of each process, and of all, whether everything is accounted for', async () => {
    await record(service.store, 'p', { evaluations: [evaluated('anna'), evaluated('bert')] });
    await service.store.close('p', 5, now);
    const { total, entries } = await service.analytics.getLedger({});
    expect(total).toMatchObject({
      accepted: 5n,
      stored: 2n,
      lost: { killed: 3n },
      pending: 0n,
      balanced: true,
    });
    expect(entries).toMatchObject([
      { process: 'p', highestSequence: 1n, missing: [], account: { accepted: 5n } },
    ]);
    expect(await errorOf(service.analytics.getLedger({ limit: -1 }))).toMatchObject({
      code: Code.InvalidArgument,
    });
  });
});

describe('dead letters', () => {
  beforeEach(async () => {
    for (let n = 1; n <= 7; n++)
      await service.store.bury({
        ...{ id: `p:${n}`, bytes: Buffer.from('?'), error: 'unreadable', at: now, attempts: 5, units: 3 },
      });
  });

  test('come in pages, with what is in them if asked', async () => {
    const { analytics } = service;
    const first = await analytics.listDeadLetters({ pageSize: 4 });
    expect(first.deadLetters).toMatchObject(Array.from({ length: 4 }, () => ({ size: 1n, units: 3n })));
    expect(first.deadLetters[0]?.content).toHaveLength(0);
    const rest = await analytics.listDeadLetters({ pageSize: 4, pageToken: first.nextPageToken });
    expect(rest.deadLetters.map(({ id }) => id)).toEqual(['p:5', 'p:6', 'p:7']);
    expect(rest.nextPageToken).toBe('');
    const full = await analytics.listDeadLetters({ pageSize: 100, includeContent: true });
    expect(full.deadLetters).toHaveLength(5);
    expect(full.deadLetters[0]?.content).toEqual(new Uint8Array(Buffer.from('?')));
    expect(full.nextPageToken).not.toBe('');
  });

  test('are tried again, and stay unless they can be read by now', async () => {
    const batch = batchContent({ evaluations: [recordedEvaluation()] });
    const id = batchId(PROCESS, 1);
    await service.store.bury({ id, bytes: encodeBatch(batch), error: '?', at: now, attempts: 1 });
    const { replayed, failed } = await service.analytics.replayDeadLetters({ ids: [id, 'p:1'] });
    expect(replayed).toEqual([id]);
    expect(failed).toMatchObject({ 'p:1': expect.stringContaining('JSON') });
    expect((await service.analytics.replayDeadLetters({})).replayed).toEqual([]);
    expect((await service.analytics.listDeadLetters({})).deadLetters).toHaveLength(7);
  });
});

test('a service that records nothing says so', () => {
  expect(() => recordedIn({ exposures: undefined })).toThrow('this service does not record evaluations');
});

describe('erasure', () => {
  test('removes a subject under their key and under the hash of it, and nobody else', async () => {
    const hashed = new SubjectNames(PEPPER, HERE).of('anna');
    await record(service.store, 'p', {
      evaluations: [evaluated('anna'), evaluated(hashed), evaluated('bert')],
      events: [{ time: now, event: 'order', subject: 'anna' }],
      contexts: [{ subject: hashed, seenAt: now }],
    });
    const erased = await service.analytics.eraseSubject({ parent, targetingKey: 'anna' });
    expect(erased).toMatchObject({ evaluations: 2n, events: 1n, contexts: 1n });
    expect(await service.analytics.eraseSubject({ parent, targetingKey: 'anna' })).toMatchObject({
      evaluations: 0n,
    });
    const rows = await service.store.rows(HERE, { from: 0, to: now, limit: 10 });
    expect(rows.map(({ subject }) => subject)).toEqual(['bert']);
    expect(await errorOf(service.analytics.eraseSubject({ parent }))).toMatchObject({
      code: Code.InvalidArgument,
    });
  });
});
