import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { AnalyticsService, FlagUse, TimeStep } from '../../gen/vexil/v1/analytics_service_pb.ts';
import { Operator } from '../../gen/vexil/v1/definitions_pb.ts';
import { Reason } from '../../gen/vexil/v1/evaluation_pb.ts';
import { FlagService } from '../../gen/vexil/v1/flag_service_pb.ts';
import { startApi } from './api-server.ts';
import { type CliSurroundings, runCli } from './run-cli.ts';

const { method } = AnalyticsService;
const T = Date.parse('2030-01-01T00:00:00Z');
const HOUR_MS = 3_600_000;
const time = (hours: number) => timestampFromMs(T + hours * HOUR_MS);
const exact = (value: number) => ({ value, low: value, high: value });

async function against(
  routes: (router: ConnectRouter) => void,
  args: readonly string[],
  surroundings: CliSurroundings = {},
) {
  await using api = await startApi(routes);
  const env = { VEXIL_SERVER: api.url, VEXIL_TOKEN: 'vx_admin_1_s' };
  const result = await runCli(['analytics', ...args], { ...surroundings, env });
  return { ...result, last: api.calls.at(-1)?.message };
}

describe('series', () => {
  const answer = {
    ...{ step: TimeStep.HOUR, startTime: time(0), endTime: time(4) },
    series: [
      {
        flag: 'a',
        variation: 'off',
        reason: Reason.DEFAULT,
        points: [{ time: time(1), count: 4n, estimate: 4 }],
      },
      {
        ...{ flag: 'a', variation: 'on', reason: Reason.SPLIT },
        points: [
          { time: time(0), count: 8n, estimate: 8 },
          { time: time(3), count: 4n, estimate: 4 },
        ],
      },
    ],
    totals: [
      { flag: 'a', variation: 'off', count: 4n, estimate: 4, subjects: 2n },
      { flag: 'a', variation: 'on', count: 12n, estimate: 12, subjects: 3n },
    ],
  };
  const routes = (router: ConnectRouter) => router.rpc(method.queryEvaluations, () => answer);

  it('are a chart of a line for each variation, all on one scale', async () => {
    const { stdout, last } = await against(routes, [
      'series',
      'a',
      '--since',
      '2030-01-01',
      '--step',
      'hour',
    ]);
    expect(stdout.split('\n')).toEqual([
      'FLAG  VARIATION  EVALUATIONS  SUM  SHARE  SUBJECTS',
      'a     off         ▄           4    25.0%  2',
      'a     on         █  ▄         12   75.0%  3',
      '',
      '2030-01-01T00:00:00Z to 2030-01-01T04:00:00Z, a column is 1 h',
      '',
    ]);
    expect(last).toMatchObject({
      ...{ parent: 'projects/shop/environments/production', flag: 'a', step: TimeStep.HOUR },
      startTime: time(0),
    });
  });

  it('tell reasons apart if asked, and say if there are none', async () => {
    const { stdout } = await against(routes, ['series', '--reasons']);
    expect(stdout).toContain('a     on         SPLIT    █  ▄         12   75.0%');
    const none = (router: ConnectRouter) => router.rpc(method.queryEvaluations, () => ({}));
    expect((await against(none, ['series'])).stdout).toBe('nobody evaluated anything\n');
  });

  it('are data for programs', async () => {
    const { stdout } = await against(routes, ['series', 'a', '-o', 'json']);
    expect(JSON.parse(stdout)).toMatchObject({ step: 'TIME_STEP_HOUR', totals: [{ subjects: '2' }, {}] });
  });

  it('of many flags and steps fit a terminal', async () => {
    const flag = 'a-flag-with-a-name';
    const points = Array.from({ length: 336 }, (_, n) => ({ time: time(n), count: 5n, estimate: 5 }));
    const long = {
      ...{ step: TimeStep.HOUR, startTime: time(0), endTime: time(336) },
      series: [{ flag, variation: 'on', reason: Reason.SPLIT, points }],
      totals: [{ flag, variation: 'on', count: 1680n, estimate: 1680 }],
    };
    const { stdout } = await against((router) => router.rpc(method.queryEvaluations, () => long), ['series']);
    expect(Math.max(...stdout.split('\n').map((line) => [...line].length))).toBeLessThanOrEqual(80);
    expect(stdout).toContain('a column is 14 h');
  });
});

describe('activity', () => {
  const flags = [
    { flag: 'busy', use: FlagUse.IN_USE, evaluations: 12_345n, lastEvaluateTime: time(2) },
    { flag: 'quiet', use: FlagUse.NEVER, remarks: ['never evaluated'] },
  ];
  const routes = (router: ConnectRouter) => router.rpc(method.listFlagActivity, () => ({ flags }));

  it('says of each flag whether it could go', async () => {
    const { stdout } = await against(routes, ['activity']);
    expect(stdout.split('\n').slice(0, 3)).toEqual([
      'FLAG   USE     LAST              COUNT  REMARKS',
      'busy   in use  2030-01-01T02:00  12.3k',
      'quiet  never                     0      never evaluated',
    ]);
  });

  it('may be of those alone that could go, or that are used in one way', async () => {
    const { stdout, last } = await against(routes, [
      'activity',
      '--stale',
      '--use',
      'never',
      '--unused-days',
      '7',
    ]);
    expect(stdout).not.toContain('busy');
    expect(last).toMatchObject({ uses: [FlagUse.NEVER], unusedDays: 7 });
    expect((await against(routes, ['activity', '--use', 'sometimes'])).code).toBe(2);
  });
});

describe('health', () => {
  const off = { variation: 'off', subjects: 50n, sampleTooSmall: true, note: 'only 50' };
  const bad = {
    ...{ variation: 'on', subjects: 200n, affectedSubjects: 50n },
    errorRate: { value: 0.25, low: 0.195, high: 0.314 },
    crashFree: { value: 0.985, low: 0.95, high: 0.99 },
  };

  it('of a flag has its variations, with notes on small samples', async () => {
    const health = { flag: 'a', variations: [bad, off] };
    const { stdout } = await against(
      (router) => router.rpc(method.getFlagHealth, () => ({ health })),
      ['health', 'a'],
    );
    expect(stdout.split('\n')).toEqual([
      'VARIATION  SUBJECTS  ERRORS                95 %        CRASH-FREE',
      'on         200       25.0%   ███           19.5–31.4%  98.50%',
      'off *      50',
      '* off: only 50',
      '',
    ]);
  });

  it('of all flags has the worst one first', async () => {
    const good = { ...bad, errorRate: { value: 0.01, low: 0.001, high: 0.05 } };
    const flags = [
      { flag: 'fine', variations: [good] },
      { flag: 'broken', variations: [bad] },
    ];
    const { stdout } = await against(
      (router) => router.rpc(method.listFlagHealth, () => ({ flags })),
      ['health'],
    );
    expect(stdout.split('\n').map((line) => line.split(' ')[0])).toEqual(['FLAG', 'broken', 'fine', '']);
  });
});

describe('reach', () => {
  it('asks about a rule, and shows whom it reaches with what may be wrong', async () => {
    const reach = { sampled: 400n, matched: 100n, share: { value: 0.25, low: 0.21, high: 0.29 } };
    const answer = {
      sample: { knownContexts: 10_000n, sampled: 400n },
      total: { ...reach, contexts: { value: 2_500, low: 2_100, high: 2_900 } },
      attributes: [
        { group: { attribute: 'plan', kind: { case: 'missing', value: true } as const }, reach },
        {
          group: { attribute: 'plan', kind: { case: 'other', value: true } as const },
          reach: { sampled: 0n },
        },
      ],
      segments: [{ group: { kind: { case: 'segment', value: 'staff' } as const }, reach }],
      dailySubjects: { value: 300.4, low: 280, high: 320 },
      warnings: ['12 of 400 contexts lack the attribute plan, which decides here'],
    };
    const args = ['reach', '--when', 'plan in pro,team', '--rollout', '20', '--flag', 'a', '--by', 'plan'];
    const { stdout, stderr, last } = await against(
      (router) => router.rpc(method.previewReach, () => answer),
      [...args, '--sample', '400'],
    );
    expect(last).toMatchObject({
      ...{ flag: 'a', attributes: ['plan'], sampleSize: 400 },
      rule: {
        rollout: { weight: 20_000 },
        condition: { kind: { case: 'clause', value: { attribute: 'plan', operator: Operator.IN } } },
      },
    });
    expect(stderr).toBe('warning: 12 of 400 contexts lack the attribute plan, which decides here\n');
    expect(stdout.split('\n')).toEqual([
      'contexts        400 of 10000 that were seen',
      'reach           25.0% (95 %: 21.0–29.0%): 100 of 400, about 2500 of all',
      'subjects a day  about 300 (95 %: 280 to 320)',
      '',
      'BY       VALUE      REACH                        95 %        MATCHED',
      'plan     (missing)  █████                 25.0%  21.0–29.0%  100',
      'segment  staff      █████                 25.0%  21.0–29.0%  100',
      '',
    ]);
  });
});

describe('what-if', () => {
  const reach = (matched: bigint) => ({ sampled: 4n, matched, share: exact(Number(matched) / 4) });
  const answer = {
    sample: { knownContexts: 4n, sampled: 4n },
    moved: reach(1n),
    cells: [
      { fromVariation: 'off', toVariation: 'off', reach: reach(3n), examples: [{ targetingKey: 'x' }] },
      {
        ...{ fromVariation: 'off', toVariation: 'on', reach: reach(1n) },
        examples: [
          {
            ...{ targetingKey: 'anna', attributes: { plan: 'pro' } },
            ...{ fromReason: Reason.DEFAULT, toReason: Reason.SPLIT },
          },
        ],
      },
    ],
    ...{ compared: 4n, agreeing: 4n },
    dependents: [{ flag: 'upsell', moved: reach(2n) }],
  };
  const routes = (router: ConnectRouter) => router.rpc(method.previewChange, () => answer);

  it('shows who would get what, of whom and why', async () => {
    const args = ['what-if', 'a', '--when', 'plan in pro', '--serve', 'on', '--rule', 'pro'];
    const { stdout, last } = await against(routes, args);
    expect(last).toMatchObject({
      name: 'projects/shop/environments/production/flags/a',
      candidate: { case: 'rule', value: { id: 'pro', serve: { kind: { value: 'on' } } } },
    });
    expect(stdout.split('\n')).toEqual([
      'contexts      all 4 that were seen',
      'would change  25.0%: 1 of 4',
      'as recorded   4 of 4 get today what they got last',
      '',
      'FROM  TO          SHARE                        95 %  SAMPLED',
      'off   (the same)  ███████████████       75.0%        3',
      'off   on          █████                 25.0%        1',
      '',
      'EXAMPLE  FROM           TO          ATTRIBUTES',
      'anna     off (DEFAULT)  on (SPLIT)  {"plan":"pro"}',
      '',
      'flag upsell has this one as a prerequisite: 50.0%: 2 of 4',
      '',
    ]);
  });

  it('takes a rule as it is, but for what is said', async () => {
    const serve = { kind: { case: 'variation', value: 'on' } } as const;
    const rules = [{ id: 'beta', serve, rollout: { weight: 1_000, salt: 's' }, ramp: {} }];
    const withRule = (router: ConnectRouter) => {
      routes(router);
      router.rpc(FlagService.method.getFlagSettings, () => ({ settings: { rules } }));
    };
    const { last } = await against(withRule, ['what-if', 'a', '--rule', 'beta', '--rollout', '50']);
    expect(last).toMatchObject({
      candidate: { case: 'rule', value: { id: 'beta', serve, rollout: { weight: 50_000, salt: 's' } } },
    });
    expect(last).not.toHaveProperty('candidate.value.ramp');
    expect((await against(withRule, ['what-if', 'a', '--rule', 'none'])).code).toBe(2);
  });

  it('takes one thing that changes', async () => {
    const candidate = async (...args: string[]) => (await against(routes, ['what-if', 'a', ...args])).last;
    expect(await candidate('--without-rule', 'pro')).toMatchObject({
      candidate: { case: 'removeRuleId', value: 'pro' },
    });
    expect(await candidate('--revision', '7')).toMatchObject({ candidate: { case: 'revision', value: 7n } });
    expect((await against(routes, ['what-if', 'a'])).code).toBe(2);
    expect((await against(routes, ['what-if', 'a', '--serve', 'on', '--revision', '7'])).code).toBe(2);
    const stdin = 'enabled: true\ndefaultVariation: on\n';
    const { last } = await against(routes, ['what-if', 'a', '--settings', '-'], { stdin });
    expect(last).toMatchObject({ candidate: { case: 'settings', value: { enabled: true } } });
  });
});

describe('export', () => {
  const row = {
    ...{
      id: '7',
      time: time(0),
      flag: 'a',
      flagVersion: 4n,
      revision: 9n,
      variation: 'on',
      reason: Reason.SPLIT,
    },
    ...{ subject: '=evil,"anna"', source: 'call', count: 2n, weight: 1 },
  };
  const parts = (router: ConnectRouter) =>
    router.rpc(method.exportEvaluations, async function* () {
      yield { rows: [row], resumeToken: 't1' };
      yield { rows: [{ ...row, id: '8' }], skipped: 3n, resumeToken: 't2' };
    });

  it('writes a line for each row', async () => {
    const { stdout, stderr, last } = await against(parts, ['export', '--flag', 'a', '--subject', 'anna']);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toMatchObject([{ id: '7', reason: 'REASON_SPLIT', count: '2' }, { id: '8' }]);
    expect(stderr).toContain('3 left out');
    expect(last).toBeUndefined();
  });

  it('writes CSV that is safe to open', async () => {
    const { stdout } = await against(parts, ['export', '--csv']);
    const [head, first] = stdout.split('\r\n');
    expect(head).toMatch(/^id,time,flag,flag_version,/);
    expect(first).toBe(`7,2030-01-01T00:00:00.000Z,a,4,9,on,SPLIT,,,"'=evil,""anna""",call,,2,1`);
    const more = await against(parts, ['export', '--csv', '--resume-token', 't0']);
    expect(more.stdout.split('\r\n')[0]).toBe(first);
    expect((await against(parts, ['export', '--csv', '--format', 'segment'])).code).toBe(2);
  });

  it('writes events as they are', async () => {
    const event = { event: 'Experiment Viewed', userId: 'anna' };
    const events = (router: ConnectRouter) =>
      router.rpc(method.exportEvaluations, async function* () {
        yield { events: [event] };
      });
    const { stdout } = await against(events, ['export', '--format', 'segment']);
    expect(JSON.parse(stdout)).toEqual(event);
  });

  it('says where to go on when it is cut off', async () => {
    const cut = (router: ConnectRouter) =>
      router.rpc(method.exportEvaluations, async function* () {
        yield { rows: [row], resumeToken: 't1' };
        throw new ConnectError('gone', Code.Unavailable);
      });
    const { code, stderr } = await against(cut, ['export']);
    expect(code).toBe(1);
    expect(stderr).toContain('1 written; go on with --resume-token t1');
  });
});

describe('the ledger', () => {
  const account = { accepted: 10n, stored: 6n, deadLettered: 1n, lost: { killed: 1n }, pending: 2n };
  const ledger = {
    total: account,
    entries: [
      { process: 'p', account, missing: [{ firstSequence: 3n, lastSequence: 4n }], lastTime: time(1) },
    ],
  };
  const routes = (router: ConnectRouter) => router.rpc(method.getLedger, () => ledger);

  it('is shown with what is missing', async () => {
    const { code, stdout } = await against(routes, ['ledger']);
    expect(code).toBe(0);
    expect(stdout.split('\n')).toEqual([
      'PROCESS  LAST                 ACCEPTED  STORED  DEAD  LOST  PENDING',
      'p        2030-01-01T01:00:00  10        6       1     1     2',
      'all                           10        6       1     1     2',
      'batches 3 to 4 of p are missing',
      'lost: 1 killed',
      'not balanced: what is pending is on its way, or not accounted for yet',
      '',
    ]);
  });

  it('fails a check unless it balances', async () => {
    const { code, stderr, last } = await against(routes, ['ledger', '--check']);
    expect([code, last]).toMatchObject([1, { limit: 1_000 }]);
    expect(stderr).not.toContain('only the newest');
    const short = await against(routes, ['ledger', '--check', '--limit', '1']);
    expect(short.stderr).toContain('only the newest 1 processes are looked at');
    const balanced = (router: ConnectRouter) =>
      router.rpc(method.getLedger, () => ({ total: { balanced: true } }));
    expect((await against(balanced, ['ledger', '--check'])).code).toBe(0);
  });
});

describe('dead letters', () => {
  it('are listed and replayed', async () => {
    const deadLetters = [{ id: 'p:1', error: 'unreadable', attempts: 5, size: 12n, time: time(0) }];
    const listed = await against(
      (router) => router.rpc(method.listDeadLetters, () => ({ deadLetters })),
      ['dead-letters'],
    );
    expect(listed.stdout).toContain('p:1  2030-01-01T00:00:00Z  5         12            unreadable');
    const replay = (router: ConnectRouter) =>
      router.rpc(method.replayDeadLetters, () => ({ replayed: ['p:1'], failed: { 'p:2': 'unreadable' } }));
    const replayed = await against(replay, ['replay', 'p:1', 'p:2']);
    expect(replayed.stdout).toBe('1 dead letter stored\np:2 stays: unreadable\n');
    expect(replayed.last).toMatchObject({ ids: ['p:1', 'p:2'] });
    const inTwo = (router: ConnectRouter) =>
      router.rpc(method.replayDeadLetters, ({ after }) =>
        after === '' ? { replayed: ['p:1'], last: 'p:1' } : { replayed: ['p:2'], failed: { 'p:3': after } },
      );
    const all = await against(inTwo, ['replay']);
    expect(all.stdout).toBe('2 dead letters stored\np:3 stays: p:1\n');
  });
});

describe('erasure', () => {
  it('asks before it erases, and says what went', async () => {
    const routes = (router: ConnectRouter) =>
      router.rpc(method.eraseSubject, () => ({ evaluations: 3n, events: 1n, contexts: 0n }));
    expect((await against(routes, ['erase', 'anna'])).code).toBe(2);
    const { stdout, last } = await against(routes, ['erase', 'anna', '--yes', '-e', 'staging']);
    expect(stdout).toBe('erased: 3 evaluations, 1 event, 0 contexts\n');
    expect(last).toMatchObject({ parent: 'projects/shop/environments/staging', targetingKey: 'anna' });
  });
});
