import { create } from '@bufbuild/protobuf';
import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
} from '../../gen/google/rpc/error_details_pb.ts';
import { FlagType } from '../../gen/vexil/v1/definitions_pb.ts';
import { ErrorCode, EvaluationService, Reason } from '../../gen/vexil/v1/evaluation_pb.ts';
import { FlagService } from '../../gen/vexil/v1/flag_service_pb.ts';
import { HistoryService } from '../../gen/vexil/v1/history_service_pb.ts';
import { KeyService } from '../../gen/vexil/v1/key_service_pb.ts';
import { startApi } from './api-server.ts';
import { type CliSurroundings, runCli } from './run-cli.ts';

const flags = FlagService.method;
const receipt = { revision: 12n };

/** Runs one command line against a server with these routes. */
async function against(
  routes: (router: ConnectRouter) => void,
  args: readonly string[],
  surroundings: CliSurroundings = {},
) {
  await using api = await startApi(routes);
  const env = { VEXIL_SERVER: api.url, VEXIL_TOKEN: 'vx_admin_1_s', ...surroundings.env };
  const result = await runCli(args, { ...surroundings, env });
  return { ...result, calls: [...api.calls], last: api.calls.at(-1) };
}

describe('a change', () => {
  it('is told in one line, with its warnings beside it', async () => {
    const result = await against(
      (router) =>
        router.rpc(flags.haltFlag, () => ({
          receipt: { ...receipt, warnings: ['will be resumed tomorrow'] },
        })),
      ['flag', 'halt', 'checkout', '--reason', 'too many errors'],
    );
    expect(result).toMatchObject({
      code: 0,
      stdout: 'flag checkout halted in production at revision 12: too many errors\n',
      stderr: 'warning: will be resumed tomorrow\n',
    });
    expect(result.last).toMatchObject({
      method: 'HaltFlag',
      authorization: 'Bearer vx_admin_1_s',
      message: {
        name: 'projects/shop/environments/production/flags/checkout',
        reason: 'too many errors',
        options: { reason: 'too many errors' },
      },
    });
  });

  it('is asked for once: a project and an environment that were named are not looked up', async () => {
    const result = await against(
      (router) => router.rpc(flags.enableFlag, () => ({ receipt })),
      ['-p', 'web', 'flag', 'enable', 'checkout', '--env', 'staging'],
    );
    expect(result.calls).toHaveLength(1);
    expect(result.last?.message).toMatchObject({ name: 'projects/web/environments/staging/flags/checkout' });
  });

  it('takes a full name wherever it takes a key', async () => {
    const name = 'projects/web/environments/test/flags/checkout';
    const result = await against(
      (router) => router.rpc(flags.enableFlag, () => ({ receipt })),
      ['flag', 'enable', name],
    );
    expect(result.calls).toHaveLength(1);
    expect(result.stdout).toBe('flag checkout enabled in test at revision 12\n');
  });

  it('is only checked in a dry run', async () => {
    const result = await against(
      (router) => router.rpc(flags.disableFlag, () => ({ receipt })),
      ['flag', 'disable', 'checkout', '--dry-run', '--idempotency-key', 'k1'],
    );
    expect(result.stdout).toBe('dry run: flag checkout would be disabled in production\n');
    expect(result.last?.message).toMatchObject({ options: { validateOnly: true, idempotencyKey: 'k1' } });
  });

  it('says nothing when quiet, and everything as JSON', async () => {
    const routes = (router: ConnectRouter) => router.rpc(flags.enableFlag, () => ({ receipt }));
    expect((await against(routes, ['flag', 'enable', 'checkout', '-q'])).stdout).toBe('');
    const { stdout } = await against(routes, ['flag', 'enable', 'checkout', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ receipt: { revision: '12', unchanged: false } });
  });

  it('sends a percentage as an exact weight', async () => {
    const routes = (router: ConnectRouter) => router.rpc(flags.setRollout, () => ({ receipt }));
    const result = await against(routes, ['flag', 'set-rollout', 'checkout', '12.5%']);
    expect(result.stdout).toBe('flag checkout rolled out to 12.5% in production at revision 12\n');
    expect(result.last?.message).toMatchObject({ weight: 12_500, ruleId: '' });
  });

  it('does not go out if an argument is wrong', async () => {
    const result = await against(() => {}, ['flag', 'set-rollout', 'checkout', '12.3456']);
    expect(result).toMatchObject({ code: 2, calls: [] });
    expect(result.stderr).toBe('error: "12.3456" has more than three decimals\n');
  });
});

describe('creating a flag', () => {
  const routes = (router: ConnectRouter) => router.rpc(flags.createFlag, () => ({ receipt }));

  it('sends its variations typed and where it starts enabled', async () => {
    const { last, stdout } = await against(routes, [
      ...['flag', 'create', 'button', '--type', 'string', '--client-visible', '--enable', 'production'],
      ...['--variation', 'blue="#00f"', '--variation', 'red=#f00', '--tag', 'ui', '--tag', 'web'],
    ]);
    expect(stdout).toBe('flag button created at revision 12\n');
    expect(last?.message).toMatchObject({
      parent: 'projects/shop',
      flagId: 'button',
      enabledEnvironments: ['production'],
      flag: {
        type: FlagType.STRING,
        clientVisible: true,
        tags: ['ui', 'web'],
        variations: [
          { key: 'blue', value: { kind: { case: 'stringValue', value: '#00f' } } },
          { key: 'red', value: { kind: { case: 'stringValue', value: '#f00' } } },
        ],
      },
    });
  });

  it('reads the whole flag from standard input, and options win', async () => {
    const stdin = 'type: FLAG_TYPE_NUMBER\ndescription: how many\nvariations: [{key: a, value: 1.5}]\n';
    const args = ['flag', 'create', 'limit', '--file', '-', '--description', 'at most'];
    const { last } = await against(routes, args, { stdin });
    expect(last?.message).toMatchObject({
      flag: { type: FlagType.NUMBER, description: 'at most', variations: [{ key: 'a' }] },
    });
  });

  it('refuses a file with a field that does not exist', async () => {
    const result = await against(routes, ['flag', 'create', 'limit', '--file', '-'], { stdin: 'typo: 1' });
    expect(result.code).toBe(2);
    expect(result.stderr).toMatch(/^error: -: .*typo/);
  });
});

describe('updating a flag', () => {
  it('names what was given in the mask, and nothing else', async () => {
    const { last } = await against(
      (router) => router.rpc(flags.updateFlag, () => ({ receipt })),
      ['flag', 'update', 'checkout', '--owner', 'team-a', '--no-client-visible'],
    );
    expect(last?.message).toMatchObject({
      flag: { name: 'projects/shop/flags/checkout', owner: 'team-a', clientVisible: false },
      updateMask: { paths: ['owner', 'client_visible'] },
    });
  });

  it('is a mistake without anything to change', async () => {
    expect(await against(() => {}, ['flag', 'update', 'checkout'])).toMatchObject({ code: 2, calls: [] });
  });
});

describe('adding a rule', () => {
  it('sends condition, rollout and split', async () => {
    const { last } = await against(
      (router) => router.rpc(flags.createRule, () => ({ receipt })),
      [
        ...['flag', 'rule', 'add', 'button', '--id', 'pro', '--when', 'plan in pro,team', '--rollout', '10'],
        ...['--split', 'blue=50', '--split', 'red=50'],
      ],
    );
    expect(last?.message).toMatchObject({
      rule: {
        id: 'pro',
        condition: { kind: { case: 'clause', value: { attribute: 'plan' } } },
        rollout: { weight: 10_000 },
        serve: { kind: { case: 'split', value: { variations: [{ weight: 50_000 }, { weight: 50_000 }] } } },
      },
    });
  });

  it('needs something to serve', async () => {
    const result = await against(() => {}, ['flag', 'rule', 'add', 'button', '--when', 'plan exists']);
    expect(result).toMatchObject({
      code: 2,
      stderr: 'error: say what to serve: --serve, --split or --file\n',
    });
  });
});

describe('scheduling a change', () => {
  it('sends one action at a time', async () => {
    const { last, stdout } = await against(
      (router) => router.rpc(flags.createScheduledChange, () => ({ receipt })),
      ['flag', 'schedule', 'add', 'checkout', '--at', '2026-12-01', '--rollout', '25'],
    );
    expect(stdout).toContain('change "rollout 25% of rule rollout" of flag checkout scheduled in production');
    expect(last?.message).toMatchObject({
      scheduledChange: {
        time: { seconds: 1_796_083_200n },
        action: { case: 'rollout', value: { ruleId: 'rollout', weight: 25_000 } },
      },
    });
  });

  it('wants exactly one action', async () => {
    const args = ['flag', 'schedule', 'add', 'checkout', '--at', '+1h'];
    expect((await against(() => {}, args)).code).toBe(2);
    expect((await against(() => {}, [...args, '--enable', '--resume'])).code).toBe(2);
  });
});

describe('a list', () => {
  const page = (pageToken: string) =>
    pageToken === ''
      ? { flags: [{ key: 'a', type: FlagType.BOOLEAN }], nextPageToken: 'next' }
      : { flags: [{ key: 'b', type: FlagType.JSON, tags: ['x', 'y'] }] };
  const routes = (router: ConnectRouter) => router.rpc(flags.listFlags, ({ pageToken }) => page(pageToken));

  it('holds every page', async () => {
    const { stdout } = await against(routes, ['flag', 'list']);
    expect(stdout.split('\n').map((line) => line.split(/ +/).slice(0, 2))).toEqual([
      ['KEY', 'TYPE'],
      ['a', 'boolean'],
      ['b', 'json'],
      [''],
    ]);
  });

  it('is a JSON array or a YAML list for programs', async () => {
    const { stdout } = await against(routes, ['flag', 'list', '-o', 'json']);
    expect(JSON.parse(stdout)).toMatchObject([{ key: 'a', clientVisible: false }, { key: 'b' }]);
    expect((await against(routes, ['flag', 'list', '-o', 'yaml'])).stdout).toMatch(
      /^- name: ""\n {2}key: a\n/,
    );
  });

  it('may be empty', async () => {
    const result = await against((router) => router.rpc(flags.listFlags, () => ({})), ['flag', 'list']);
    expect(result).toMatchObject({ code: 0, stdout: '', stderr: 'nothing found\n' });
  });
});

describe('something destructive', () => {
  const routes = (router: ConnectRouter) => router.rpc(flags.deleteFlag, () => ({ receipt }));

  it('is not done when nobody can be asked', async () => {
    const result = await against(routes, ['flag', 'delete', 'checkout', '-p', 'shop']);
    expect(result).toMatchObject({ code: 2, calls: [] });
    expect(result.stderr).toBe('error: Delete flag checkout? There is nobody to ask: give --yes\n');
  });

  it('is done with --yes', async () => {
    const result = await against(routes, ['flag', 'delete', 'checkout', '--yes']);
    expect(result.stdout).toBe('flag checkout deleted at revision 12\n');
  });
});

describe('a key', () => {
  it('is printed alone, so that a script can keep it', async () => {
    const result = await against(
      (router) =>
        router.rpc(KeyService.method.createKey, () => ({
          key: { id: 'k7' },
          secret: 'vx_server_k7_s',
          receipt,
        })),
      ['key', 'create', '--kind', 'server', '--expires', '90d'],
    );
    expect(result.stdout).toBe('vx_server_k7_s\n');
    expect(result.stderr).toContain('server key k7 created');
    expect(result.last?.message).toMatchObject({
      parent: 'projects/shop',
      key: { environment: 'projects/shop/environments/production' },
    });
  });
});

describe('evaluating', () => {
  const answer = {
    flagKey: 'checkout',
    value: { case: 'boolValue', value: true } as const,
    variation: 'on',
    reason: Reason.SPLIT,
    ruleId: 'rollout',
    flagVersion: 9n,
    revision: 12n,
  };

  it('prints the value and why', async () => {
    const result = await against(
      (router) => router.rpc(EvaluationService.method.evaluate, () => answer),
      ['eval', 'checkout', '--key', 'user-1', '--attr', 'plan=pro', '--attr', 'age=42'],
    );
    expect(result.stdout).toBe('checkout = true (on, SPLIT by rule rollout) at revision 12\n');
    expect(result.last?.message).toMatchObject({
      environment: 'projects/shop/environments/production',
      context: { targetingKey: 'user-1', attributes: { plan: 'pro', age: 42 } },
    });
  });

  it('prints the value alone when quiet', async () => {
    const routes = (router: ConnectRouter) =>
      router.rpc(EvaluationService.method.evaluate, () => ({
        ...answer,
        value: { case: 'stringValue', value: '#00f' } as const,
      }));
    expect((await against(routes, ['eval', 'checkout', '-q'])).stdout).toBe('#00f\n');
  });

  it('draws how the answer came about', async () => {
    const steps = [{ kind: 'enabled', description: 'enabled', outcome: true }];
    const { stdout, last } = await against(
      (router) => router.rpc(EvaluationService.method.evaluate, () => ({ ...answer, trace: { steps } })),
      ['eval', 'checkout', '--explain'],
    );
    expect(last?.message).toMatchObject({ explain: true });
    expect(stdout.split('\n')[1]).toBe('└─ ✓ enabled');
  });

  it('fails without a value', async () => {
    const error = { flagKey: 'nope', reason: Reason.ERROR, errorCode: ErrorCode.FLAG_NOT_FOUND };
    const routes = (router: ConnectRouter) => router.rpc(EvaluationService.method.evaluate, () => error);
    const result = await against(routes, ['eval', 'nope']);
    expect(result).toMatchObject({
      code: 1,
      stderr: 'error: flag nope has no value: ERROR FLAG_NOT_FOUND\n',
    });
  });

  it('leaves the environment to a key that belongs to one', async () => {
    const result = await against(
      (router) => router.rpc(EvaluationService.method.evaluate, () => answer),
      ['eval', 'checkout', '--token', 'vx_server_k7_s'],
    );
    expect(result.calls).toHaveLength(1);
    expect(result.last?.message).toMatchObject({ environment: '' });
  });

  it('goes back to a revision', async () => {
    const routes = (router: ConnectRouter) =>
      router.rpc(HistoryService.method.evaluateAt, () => ({ evaluation: answer, time: { seconds: 0n } }));
    const result = await against(routes, ['eval', 'checkout', '--revision', '7']);
    expect(result.stdout).toContain('at 1970-01-01T00:00:00Z');
    expect(result.last?.message).toMatchObject({ at: { case: 'revision', value: 7n } });
  });
});

describe('watching', () => {
  const routes = (router: ConnectRouter) =>
    router.rpc(EvaluationService.method.watchFlags, async function* () {
      yield { message: { case: 'snapshotEnd', value: { revision: 3n, count: 1, resumeToken: 't1' } } };
      const decisions = [{ flagKey: 'checkout', reason: Reason.HALTED, detail: 'broken', variation: 'off' }];
      yield { message: { case: 'delta', value: { fromRevision: 3n, toRevision: 4n, cause: 1, decisions } } };
    });

  it('prints one line for each message', async () => {
    const { stdout } = await against(routes, ['watch', '--key', 'user-1', '--no-reconnect']);
    expect(stdout).toBe(
      [
        'snapshot complete: revision 3, 1 object',
        'change: revision 3 to 4: checkout = no value (off, HALTED: broken)',
        '',
      ].join('\n'),
    );
  });

  it('prints one JSON object on each line', async () => {
    const { stdout } = await against(routes, ['watch', '--no-reconnect', '-o', 'json']);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.map((line) => Object.keys(JSON.parse(line)))).toEqual([['snapshotEnd'], ['delta']]);
  });

  it('comes back after the last message, until the user stops it', async () => {
    const stop = new AbortController();
    const tokens: string[] = [];
    const { code } = await against(
      (router) =>
        router.rpc(EvaluationService.method.watchFlags, async function* ({ resumeToken }) {
          tokens.push(resumeToken);
          if (tokens.length === 2) stop.abort();
          yield { message: { case: 'bookmark', value: { resumeToken: 't1' } } };
          yield { message: { case: 'goodbye', value: { reason: 1, retryAfterMs: 1 } } };
          throw new ConnectError('going away', Code.Unavailable);
        }),
      ['watch'],
      { signal: stop.signal },
    );
    expect(code).toBe(0);
    expect(tokens).toEqual(['', 't1']);
  });
});

describe('stopping', () => {
  it('ends a call that nobody answers', async () => {
    const stop = new AbortController();
    const { code, stdout, stderr } = await against(
      (router) =>
        router.rpc(flags.getFlag, (_request, { signal }) => {
          stop.abort();
          return new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason));
          });
        }),
      ['flag', 'get', 'checkout'],
      { signal: stop.signal },
    );
    expect({ code, stdout, stderr }).toEqual({ code: 130, stdout: '', stderr: '' });
  });
});

describe('a refusal', () => {
  const refuse = (error: ConnectError, args = ['flag', 'get', 'checkout']) =>
    against(
      (router) =>
        router.rpc(flags.getFlag, () => {
          throw error;
        }),
      args,
    );

  it('is told with its violations and its reason, a line each, without a stack', async () => {
    const details = [
      create(BadRequestSchema, {
        fieldViolations: [
          { field: 'flag.key', description: 'has a space' },
          { field: 'flag.tags[0]', description: 'is empty' },
        ],
      }),
      create(ErrorInfoSchema, { reason: 'FLAG_INVALID' }),
    ].map((value) => ({
      desc: value.$typeName.endsWith('Info') ? ErrorInfoSchema : BadRequestSchema,
      value,
    }));
    const result = await refuse(new ConnectError('2 mistakes', Code.InvalidArgument, undefined, details));
    expect(result.code).toBe(1);
    expect(result.stderr).toBe(
      [
        'error: 2 mistakes',
        '  flag.key: has a space',
        '  flag.tags[0]: is empty',
        '  reason: FLAG_INVALID',
        '',
      ].join('\n'),
    );
  });

  it('is not told twice when its only violation says the same', async () => {
    const description = 'flag checkout is archived';
    const value = create(PreconditionFailureSchema, { violations: [{ subject: 'flag', description }] });
    const detail = { desc: PreconditionFailureSchema, value };
    const { stderr } = await refuse(
      new ConnectError(description, Code.FailedPrecondition, undefined, [detail]),
    );
    expect(stderr).toBe(`error: ${description}\n`);
  });

  it.each([
    [Code.NotFound, 1],
    [Code.AlreadyExists, 1],
    [Code.Unauthenticated, 4],
    [Code.PermissionDenied, 4],
  ])('with the status %d exits with %d', async (status, code) => {
    expect((await refuse(new ConnectError('no', status))).code).toBe(code);
  });

  it('says where a key that is not good came from', async () => {
    const { stderr } = await refuse(new ConnectError('unknown key', Code.Unauthenticated));
    expect(stderr).toContain('the key came from VEXIL_TOKEN');
    expect(stderr).not.toContain('vx_admin');
  });
});

describe('history adopt', () => {
  const hash = 'ab'.repeat(32);
  const newest = { revision: 8n, action: 'flag.halt', actor: 'key:ops', hash: Buffer.from(hash, 'hex') };
  const routes = (router: ConnectRouter) => {
    router.rpc(HistoryService.method.listRevisions, () => ({ revisions: [newest] }));
    router.rpc(HistoryService.method.adoptHistory, () => ({ revision: 9n, abandonedRevision: 12n }));
  };
  const adopt = ['history', 'adopt', '--project', 'shop'];

  it('shows what the log ends with, and does nothing', async () => {
    const { stdout, calls } = await against(routes, adopt);
    expect(stdout).toMatch(/^REVISION.*\n8 +.*flag\.halt/);
    expect(stdout).toContain(`vexil history adopt ${hash}`);
    expect(calls.map(({ method }) => method)).toEqual(['ListRevisions']);
  });

  it('takes it for the truth when it is named', async () => {
    const result = await against(routes, [...adopt, hash, '--yes', '--reason', 'restored']);
    expect(result.stdout).toBe('project shop adopted at revision 9; given up was a history of 12\n');
    expect(result.last).toMatchObject({ message: { parent: 'projects/shop', reason: 'restored' } });
  });

  it('wants the whole hash, and to be sure', async () => {
    expect(await against(routes, [...adopt, hash.slice(1), '--yes'])).toMatchObject({ code: 2, calls: [] });
    expect(await against(routes, [...adopt, hash])).toMatchObject({ code: 2, calls: [] });
  });
});
