import { describe, expect, it } from 'vitest';
import { initialSettings } from '../../../src/core/model.ts';
import type { History, OperationSeen, WatchSeen } from '../history/history.ts';
import { brokenIn, violationsIn } from './checker.ts';
import { activityIn, checkMeaning } from './i16-meant.ts';
import { flag, goodHistory, operation, sampleLog, sealed } from './sample-history.ts';

/** What the checker says of the good history, told differently. */
function broken(tell: (good: History) => Partial<History>): string[] {
  const good = goodHistory();
  return brokenIn(violationsIn({ ...good, ...tell(good) }));
}

/** With one operation told differently. */
function operations(good: History, revision: number, told: Partial<OperationSeen>): Partial<History> {
  return {
    operations: good.operations.map((one) => (one.revision === revision ? { ...one, ...told } : one)),
  };
}

/** With the messages of the interrupted watcher told differently. */
function watched(good: History, tell: (messages: WatchSeen[]) => readonly WatchSeen[]): Partial<History> {
  const [first, ...others] = good.watchers;
  if (first === undefined) throw new Error('nobody watches');
  return { watchers: [{ ...first, messages: tell([...first.messages]) }, ...others] };
}

/** With the messages of some kind replaced by what `tell` makes of each. */
function each<K extends WatchSeen['kind']>(
  kind: K,
  tell: (message: Extract<WatchSeen, { kind: K }>) => WatchSeen | WatchSeen[],
) {
  return (messages: readonly WatchSeen[]) =>
    messages.flatMap((message) =>
      message.kind === kind ? tell(message as Extract<WatchSeen, { kind: K }>) : message,
    );
}

describe('the checker', () => {
  it('has nothing to say about a history in which all is well', () => {
    expect(violationsIn(goodHistory())).toEqual([]);
  });

  it('does not mind an operation that was never answered, done or not', () => {
    const unknown = { outcome: 'info', code: 'UNAVAILABLE', revision: 0, returnedAt: Infinity } as const;
    expect(broken((good) => operations(good, 5, unknown))).toEqual([]);
    const undone = { ...operation(6), ...unknown, key: 'op-never' };
    expect(broken((good) => ({ operations: [...good.operations, undone] }))).toEqual([]);
  });

  it('does not mind a snapshot that was cut off and begun again', () => {
    const tell = (messages: WatchSeen[]) => {
      const [opened, hello, part] = messages;
      if (opened === undefined || hello === undefined || part === undefined) throw new Error('too short');
      return [opened, hello, part, { ...opened, kind: 'closed' as const, code: 'UNAVAILABLE' }, ...messages];
    };
    expect(broken((good) => watched(good, tell))).toEqual([]);
  });
});

describe('the checker names', () => {
  it.each<[string, (log: History['log'][number][]) => void]>([
    ['a gap', (log) => log.splice(2, 1)],
    ['a change that was altered', (log) => log.splice(2, 1, { ...sampleLog()[2], reason: 'x' } as never)],
    ['a change made twice', (log) => log.push(sealed(log, 6, []))],
  ])('I1 for a log with %s', (_what, alter) => {
    const log = sampleLog();
    alter(log);
    expect(broken(() => ({ log }))).toContain('I1');
  });

  it('I2 for an acknowledged operation that is not in the log', () => {
    const lost = { ...operation(6), key: 'op-lost', invokedAt: 590, revision: 7 };
    expect(broken((good) => ({ operations: [...good.operations, lost] }))).toEqual(['I2']);
  });

  it('I2 for one that is at another revision than was said', () => {
    expect(broken((good) => operations(good, 5, { revision: 6 }))).toContain('I2');
  });

  it('I2 for one that was done twice under two keys', () => {
    const log = sampleLog();
    const twin = { ...sealed(log, 7, [{ op: 'put', object: flag('search', 'five') }]), reason: 'op op-5' };
    expect(broken(() => ({ log: [...log, twin] }))).toContain('I2');
  });

  it('I2 and I12 for a refused operation that is in the log', () => {
    expect(broken((good) => operations(good, 5, { outcome: 'fail', code: 'ABORTED' }))).toEqual([
      'I2',
      'I12',
    ]);
  });

  it('I3 for an operation that got in before one that had been acknowledged', () => {
    expect(broken((good) => operations(good, 5, { invokedAt: 615, returnedAt: 620 }))).toEqual(['I3']);
  });

  it('I4 for a change made for a version that was not there any more', () => {
    const expected = { id: 'flag//search', version: 2 };
    expect(broken((good) => operations(good, 5, { expected }))).toEqual(['I4']);
  });

  it('I5 for a watcher that is taken back, or told something twice', () => {
    const back = each('delta', (message) => (message.to === 4 ? { ...message, to: 2 } : message));
    expect(broken((good) => watched(good, back))).toContain('I5');
    const twice = each('delta', (message) =>
      message.to === 4 ? [message, { ...message, from: 4 }] : message,
    );
    expect(broken((good) => watched(good, twice))).toEqual(['I5']);
  });

  it('I6 for a change that a watcher was not told', () => {
    const silent = each('delta', (message) =>
      message.to === 3 ? [] : { ...message, from: message.from === 3 ? 2 : message.from },
    );
    expect(broken((good) => watched(good, silent))).toEqual(['I6']);
  });

  it('I6 for half a change, for wrong content, and for a flag that should be gone', () => {
    const half = each('delta', (message) => (message.to === 6 ? { ...message, upserts: [] } : message));
    expect(broken((good) => watched(good, half))).toEqual(['I6']);
    const other = each('delta', (message) => ({
      ...message,
      upserts: message.upserts.map((object) => ({ ...object, witness: '[]' })),
    }));
    expect(broken((good) => watched(good, other))).toEqual(['I6']);
    const kept = each('delta', (message) => ({ ...message, deletes: [] }));
    expect(broken((good) => watched(good, kept))).toEqual(['I6']);
  });

  it('I6 for a snapshot with another count or hash than announced', () => {
    expect(
      broken((good) =>
        watched(
          good,
          each('end', (end) => ({ ...end, count: 2 })),
        ),
      ),
    ).toEqual(['I6']);
    expect(
      broken((good) =>
        watched(
          good,
          each('end', (end) => ({ ...end, stateHash: '00' })),
        ),
      ),
    ).toEqual(['I6']);
  });

  it('I7 for a stream that does not go on where its token says', () => {
    const skipped = each('delta', (message) => (message.from === 4 ? { ...message, from: 5 } : message));
    expect(broken((good) => watched(good, skipped))).toEqual(['I7']);
    const nothing = each('hello', (message) =>
      message.intent === 'changes' ? { ...message, intent: 'nothing' } : message,
    );
    expect(broken((good) => watched(good, nothing))).toEqual(['I7']);
    const unexplained = each('hello', (message) => ({ ...message, intent: 'full', reason: 'no_token' }));
    expect(broken((good) => watched(good, unexplained))).toContain('I7');
  });

  it('I8 for a bookmark that is ahead of what was delivered, or of another history', () => {
    const hashes = sampleLog().map(({ hash }) => hash);
    const ahead = each('bookmark', (message) => ({ ...message, revision: 5, headHash: hashes[4] ?? '' }));
    expect(broken((good) => watched(good, ahead))).toContain('I8');
    const foreign = each('bookmark', (message) => ({ ...message, headHash: 'ab' }));
    expect(broken((good) => watched(good, foreign))).toEqual(['I8']);
  });

  it('I9 for a replica that is behind, in another state, or late', () => {
    const finals = (told: Partial<History['finals'][number]>) =>
      broken((good) => ({ finals: good.finals.map((final) => ({ ...final, ...told })) }));
    expect(finals({ revision: 5 })).toEqual(['I9']);
    expect(finals({ stateHash: '00' })).toEqual(['I9']);
    expect(finals({ reachedAt: 60_000 })).toEqual(['I9']);
  });

  it('I9 for a live watcher that was never told the last change, but not for one that had left', () => {
    const short = (messages: readonly WatchSeen[]) => messages.slice(0, 7);
    expect(broken((good) => watched(good, short))).toEqual(['I9']);
    const left = (good: History) => ({
      watchers: good.watchers.map((watcher) => ({ ...watcher, isLive: false, messages: [] })),
    });
    expect(broken(left)).toEqual([]);
  });

  it('I10 for a replica that says it is fresher than it is', () => {
    const claim = { replica: 'a', saidAt: 450, revision: 3, stalenessMs: 30 };
    expect(broken(() => ({ claims: [claim] }))).toEqual(['I10']);
    expect(broken(() => ({ claims: [{ ...claim, stalenessMs: 45 }] }))).toEqual([]);
    const fresh = each('bookmark', (message) => ({ ...message, saidAt: 590 }));
    expect(broken((good) => watched(good, fresh))).toEqual(['I10']);
    const insisted = (good: History) => good.evaluations.map((one) => ({ ...one, atLeast: 3 }));
    expect(broken((good) => ({ evaluations: insisted(good) }))).toEqual(['I10']);
  });

  it('I11 for an answer that its revision does not give', () => {
    const evaluations = (told: object) =>
      broken((good) => ({ evaluations: good.evaluations.map((one) => ({ ...one, ...told })) }));
    expect(evaluations({ witness: '["only","one","DEFAULT"]' })).toEqual(['I11']);
    expect(evaluations({ revision: 70 })).toEqual(['I11']);
    expect(evaluations({ revision: 70, code: 'UNAVAILABLE' })).toEqual([]);
  });

  it('I12 for a change that nobody asked for', () => {
    expect(broken((good) => ({ operations: good.operations.slice(1) }))).toEqual(['I12']);
  });

  it('I12 for a change that was planned and did not happen', () => {
    const at = '2026-01-01T00:00:30.000Z';
    const planned = { id: 'later', at, action: { kind: 'enable' as const }, by: 'anna' };
    const state = { ...initialSettings('search'), scheduledChanges: [planned] };
    const object = { kind: 'settings', environment: 'production', state } as const;
    const log = [...sampleLog(), sealed(sampleLog(), 7, [{ op: 'put', object }])];
    const problems = (asOf: string) =>
      violationsIn({ ...goodHistory(), log, asOf }).filter(({ message }) => message.includes(at));
    expect(problems('2026-01-01T00:01:00.000Z')).toMatchObject([{ invariant: 'I12' }]);
    expect(problems('2026-01-01T00:00:31.000Z')).toEqual([]);
  });

  it('I15 for an answer that no client may get, and for an incident', () => {
    const internal = { outcome: 'info', code: 'INTERNAL' } as const;
    expect(broken((good) => operations(good, 5, internal))).toEqual(['I15']);
    const closed = each('closed', (message) => ({ ...message, code: 'UNKNOWN' }));
    expect(broken((good) => watched(good, closed))).toEqual(['I15']);
    expect(broken(() => ({ incidents: ['replica a died'] }))).toEqual(['I15']);
  });

  it('I16 for a run in which too little happened', () => {
    const good = goodHistory();
    const seen = { operations: 5, operationsInFaults: 1, resumes: 1, evaluations: 5 };
    expect(activityIn(good)).toEqual(seen);
    expect([...checkMeaning(good, seen)]).toEqual([]);
    expect([...checkMeaning({ ...good, faults: [] }, seen)]).toEqual([
      { invariant: 'I16', message: 'only 0 of 1 operationsInFaults' },
    ]);
  });
});
