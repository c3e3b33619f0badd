import { hashOf } from '../../../src/app/change-hash.ts';
import type { Change, ObjectState, Operation } from '../../../src/core/change.ts';
import { type Flag, initialSettings } from '../../../src/core/model.ts';
import type { History, ObjectSeen, OperationSeen, WatchSeen } from '../history/history.ts';
import { decisionIn, expectedOf, Replay } from '../history/replay.ts';
import { reasonOf } from './check.ts';

const NOW = '2026-01-01T00:00:00.000Z';
const described = { name: '', description: '', archived: false, createdAt: NOW, updatedAt: NOW };
export const PRODUCTION = 'production';
export const ANNA = { targetingKey: 'anna', attributes: {} };

/** A short story in which all is well: a project, five changes, two watchers, one of them interrupted. */
export function goodHistory(): History {
  const log = sampleLog();
  const operations = log.slice(1).map(({ revision }) => operation(revision));
  return {
    asOf: '2026-01-01T00:01:00.000Z',
    startEpochMs: Date.parse(NOW),
    ...{ operations, log, beganAt: 1, incidents: [], healedAt: 700, convergeWithinMs: 3_000 },
    watchers: [
      {
        ...{ client: 'watcher 1', environment: PRODUCTION, view: { kind: 'definitions' }, isLive: true },
        messages: interruptedWatch(log),
      },
      {
        ...{ client: 'watcher 2', environment: PRODUCTION, isLive: true },
        view: { kind: 'decisions', context: ANNA },
        messages: watchOfDecisions(log),
      },
    ],
    evaluations: [2, 3, 4, 5, 6].map((revision) => ({
      ...{ replica: 'a', environment: PRODUCTION, context: ANNA, flag: 'search', revision, atLeast: 0 },
      witness: decisionAt(log, revision).witness,
    })),
    claims: [
      { replica: 'a', saidAt: 450, revision: 4, stalenessMs: 0 },
      { replica: 'b', saidAt: 450, revision: 2, stalenessMs: 200 },
    ],
    faults: [{ what: 'cut', from: 405, to: 700 }],
    finals: ['a', 'b'].map((replica) => ({
      ...{ replica, environment: PRODUCTION, revision: 6, reachedAt: 800 },
      stateHash: expectedOf(log, PRODUCTION, { kind: 'definitions' }).at(6).stateHash(),
    })),
  };
}

/** Revision 2 makes search, 3 checkout; 4 changes search, 5 both; 6 deletes checkout. */
export function sampleLog(): Change[] {
  const put = (object: ObjectState): Operation => ({ op: 'put', object });
  return logOf([
    [
      put({ kind: 'project', state: { key: 'shop', ...described } }),
      put({ kind: 'environment', state: { key: PRODUCTION, ...described } }),
    ],
    [put(flag('search', 'two')), put(enabled('search'))],
    [put(flag('checkout', 'three'))],
    [put(flag('search', 'four'))],
    [put(flag('search', 'five')), put(flag('checkout', 'five'))],
    [{ op: 'delete', id: { kind: 'flag', environment: '', key: 'checkout' } }],
  ]);
}

export function logOf(changes: readonly (readonly Operation[])[]): Change[] {
  const log: Change[] = [];
  for (const [index, operations] of changes.entries()) log.push(sealed(log, index + 1, operations));
  return log;
}

/** The change that would follow on a log, as an operation of that number. */
export function sealed(log: readonly Change[], number: number, operations: readonly Operation[]): Change {
  const key = `op-${number}`;
  const unsealed = {
    ...{
      format: 1 as const,
      project: 'shop',
      revision: log.length + 1,
      action: 'flag.update',
      actor: 'key:a',
    },
    ...{ reason: reasonOf(key), time: NOW, idempotencyKey: key, requestDigest: '', operations },
    previousHash: log.at(-1)?.hash ?? '',
  };
  return { ...unsealed, hash: hashOf(unsealed) };
}

export function flag(key: string, value: string): ObjectState {
  const state: Flag = {
    ...{ key, name: '', description: '', tags: [], owner: '', type: 'string', status: 'active' },
    ...{ variations: [{ key: 'only', value }], defaultVariation: 'only', clientVisible: false },
    ...{ temporary: false, createdAt: NOW, updatedAt: NOW },
  };
  return { kind: 'flag', state };
}

function enabled(key: string): ObjectState {
  return {
    kind: 'settings',
    environment: PRODUCTION,
    state: { ...initialSettings(key), enabled: true, updatedAt: NOW },
  };
}

/** Asked for 20 ms before its revision times a hundred, and answered 10 ms after. */
export function operation(revision: number): OperationSeen {
  return {
    ...{ client: 'writer', key: `op-${revision}`, what: 'update', revision, code: '', attempts: 1 },
    ...{ invokedAt: revision * 100 - 20, returnedAt: revision * 100 + 10, outcome: 'ok' },
    ...(revision === 4 && { expected: { id: 'flag//search', version: 2 } }),
  };
}

export function decisionAt(log: readonly Change[], revision: number): ObjectSeen {
  const replay = new Replay();
  for (const change of log.slice(0, revision)) replay.apply(change);
  return decisionIn(replay.snapshot(PRODUCTION), 'search', ANNA);
}

function interruptedWatch(log: readonly Change[]): WatchSeen[] {
  const set = (revision: number) => expectedOf(log, PRODUCTION, { kind: 'definitions' }).at(revision);
  const object = (revision: number, key: string) =>
    [...set(revision).values()].filter(({ id }) => id === `flag ${key}`);
  const from = { at: 0, replica: 'a' };
  const snapshot = { revision: 2, count: 1, stateHash: set(2).stateHash() };
  const change = { kind: 'delta', cause: 'change' } as const;
  const mark = { kind: 'bookmark', stalenessMs: 5, saidAt: 480 } as const;
  return [
    { ...from, kind: 'opened' },
    { ...from, kind: 'hello', intent: 'full', reason: 'no_token', target: 2 },
    { ...from, kind: 'part', objects: [...set(2).values()] },
    { ...from, kind: 'end', ...snapshot },
    { ...from, ...change, from: 2, to: 3, upserts: object(3, 'checkout'), deletes: [] },
    { ...from, ...change, from: 3, to: 4, upserts: object(4, 'search'), deletes: [] },
    { ...from, ...mark, revision: 4, headHash: log[3]?.hash ?? '' },
    { ...from, kind: 'closed', code: 'UNAVAILABLE' },
    { ...from, replica: 'b', kind: 'opened', from: 4 },
    { ...from, replica: 'b', kind: 'hello', intent: 'changes', reason: 'resumed', target: 6 },
    {
      ...{ ...from, ...change, replica: 'b', from: 4, to: 6 },
      ...{ upserts: object(6, 'search'), deletes: ['flag checkout'] },
    },
  ];
}

function watchOfDecisions(log: readonly Change[]): WatchSeen[] {
  const from = { at: 0, replica: 'b' };
  const decisions = expectedOf(log, PRODUCTION, { kind: 'decisions', context: ANNA }).at(6);
  return [
    { ...from, kind: 'opened' },
    { ...from, kind: 'hello', intent: 'full', reason: 'no_token', target: 6 },
    { ...from, kind: 'part', objects: [...decisions.values()] },
    { ...from, kind: 'end', revision: 6, count: 1, stateHash: decisions.stateHash() },
  ];
}
