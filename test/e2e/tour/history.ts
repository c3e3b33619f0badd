import { expect } from 'vitest';
import { list, text } from '../../support/calls.ts';
import { isMessage } from '../../support/stock-protos.ts';
import { newFlag, newProject, type Tour } from './tour.ts';

export async function historyTour({ calls, prefix }: Tour): Promise<void> {
  const parent = await newProject(calls, `${prefix}-history`);
  await newFlag(calls, parent, 'checkout');
  const name = `${parent}/environments/production/flags/checkout`;
  const halt = { name, reason: 'too slow', options: { idempotencyKey: 'the-halt', reason: 'ticket 7' } };
  const halted = text(await calls.ok('FlagService/HaltFlag', halt), 'receipt', 'revision');

  const flagHistory = await calls.ok('HistoryService/ListRevisions', { parent, object: name, pageSize: 1 });
  expect(flagHistory).toMatchObject({
    revisions: [{ name: `${parent}/revisions/${halted}`, action: 'flag.halt', idempotencyKey: 'the-halt' }],
  });
  const pageToken = text(flagHistory, 'nextPageToken');
  expect(
    await calls.ok('HistoryService/ListRevisions', { parent, object: name, pageSize: 1, pageToken }),
  ).toMatchObject({ revisions: [{ action: 'flag.create' }] });
  await calls.refused(
    'HistoryService/ListRevisions',
    { parent, object: name, pageSize: 1, pageToken: `${pageToken.slice(0, -1)}!` },
    { code: 'INVALID_ARGUMENT', fields: ['page_token'] },
  );

  const revision = await calls.ok('HistoryService/GetRevision', { name: `${parent}/revisions/${halted}` });
  expect(revision).toMatchObject({
    revision: {
      changes: [
        {
          name,
          object: 'settings',
          kind: 'KIND_UPDATED',
          after: { enabled: true, halt: { reason: 'too slow' } },
        },
      ],
    },
  });
  await calls.refused(
    'HistoryService/GetRevision',
    { name: `${parent}/revisions/999` },
    { code: 'NOT_FOUND' },
  );

  const diff = await calls.ok('HistoryService/DiffRevisions', {
    parent,
    fromRevision: '1',
    toRevision: halted,
  });
  expect(list(diff, 'changes').map((change) => [change.object, change.kind])).toEqual([
    ['flag', 'KIND_CREATED'],
    ['settings', 'KIND_CREATED'],
  ]);
  await calls.refused(
    'HistoryService/DiffRevisions',
    { parent, fromRevision: '1', toRevision: '999' },
    { code: 'OUT_OF_RANGE' },
  );

  await theThen({ calls, prefix }, parent, halted);
  await wayBack({ calls, prefix }, parent, halted);
  await takenForTheTruth({ calls, prefix }, parent);
  expect(await calls.ok('HistoryService/VerifyHistory', { parent })).toMatchObject({ intact: true });
  await calls.refused('HistoryService/VerifyHistory', { parent: 'projects/nowhere' }, { code: 'NOT_FOUND' });
}

async function theThen({ calls }: Tour, parent: string, halted: string): Promise<void> {
  const environment = `${parent}/environments/production`;
  const asked = { parent: environment, flagKey: 'checkout', context: { targetingKey: 'anna' } };
  expect(
    await calls.ok('HistoryService/EvaluateAt', { ...asked, revision: halted, explain: true }),
  ).toMatchObject({ evaluation: { reason: 'REASON_HALTED', variation: 'off', revision: halted } });
  const before = String(Number(halted) - 1);
  expect(await calls.ok('HistoryService/EvaluateAt', { ...asked, revision: before })).toMatchObject({
    evaluation: { reason: 'REASON_DEFAULT', revision: before },
  });
  const time = new Date().toISOString();
  expect(await calls.ok('HistoryService/EvaluateAt', { ...asked, time })).toMatchObject({
    evaluation: { reason: 'REASON_HALTED' },
    time,
  });
  await calls.refused('HistoryService/EvaluateAt', asked, { code: 'INVALID_ARGUMENT', fields: ['at'] });
}

async function wayBack({ calls }: Tour, parent: string, halted: string): Promise<void> {
  const revision = String(Number(halted) - 1);
  const request = { parent, revision, expectedHead: halted };
  await calls.refused(
    'HistoryService/RevertToRevision',
    { ...request, expectedHead: revision },
    { code: 'ABORTED', reason: 'HEAD_MOVED' },
  );
  const rehearsal = { ...request, options: { validateOnly: true } };
  const [change] = list(await calls.ok('HistoryService/RevertToRevision', rehearsal), 'changes');
  expect(change).toMatchObject({ object: 'settings' });
  expect(isMessage(change?.after) && 'halt' in change.after).toBe(false);
  expect(await calls.ok('HistoryService/RevertToRevision', request)).toMatchObject({
    receipt: { revision: String(Number(halted) + 1) },
  });
}

async function takenForTheTruth({ calls }: Tour, parent: string): Promise<void> {
  const [newest] = list(await calls.ok('HistoryService/ListRevisions', { parent, pageSize: 1 }), 'revisions');
  const request = { parent, headHash: newest?.hash, reason: 'restored from a backup' };
  await calls.refused(
    'HistoryService/AdoptHistory',
    { ...request, headHash: newest?.previousHash },
    { code: 'ABORTED', reason: 'HEAD_MOVED' },
  );
  const revision = String(Number(newest?.revision) + 1);
  expect(await calls.ok('HistoryService/AdoptHistory', request)).toMatchObject({ revision });
  expect(await calls.ok('HistoryService/AdoptHistory', request)).toMatchObject({ revision, replayed: true });
}
