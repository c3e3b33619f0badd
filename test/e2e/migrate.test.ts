import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCli } from '../cli/run-cli.ts';
import { temporaryDirectory } from '../contract/sqlite-stores.ts';
import { type Follower, follow } from '../support/follower.ts';
import { grpcCaller } from '../support/grpc-caller.ts';
import { mongoServerOrSkip, openTestDatabase } from '../support/mongo-server.ts';
import { type ServerProcess, startServer } from '../support/server-process.ts';

const uri = await mongoServerOrSkip();

async function done(args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const { code, stdout, stderr } = await runCli(args, { env });
  expect([code, stderr.startsWith('error')], stderr).toEqual([0, false]);
  return stdout.trim();
}

function at({ url, adminToken }: ServerProcess): Record<string, string> {
  return { VEXIL_SERVER: url, VEXIL_TOKEN: adminToken };
}

/** Watches until it is up to date; with `from`, it has to be resumed from there. */
async function watchTo(
  { address }: ServerProcess,
  token: string,
  from?: Pick<Follower, 'resumeToken' | 'revision'>,
) {
  using grpc = grpcCaller(address);
  using watcher = follow(grpc, { view: { definitions: {} }, token, ...from });
  const { hello } = await watcher.start();
  expect(hello.reason).toBe(from === undefined ? 'INTENT_REASON_NO_TOKEN' : 'INTENT_REASON_RESUMED');
  return { resumeToken: watcher.resumeToken, revision: watcher.revision };
}

describe.skipIf(uri === undefined)('vexil migrate', () => {
  it('moves an instance to MongoDB, where it goes on, and back: flags, history, keys and watches are as before', {
    timeout: 120_000,
  }, async () => {
    await using directory = await temporaryDirectory();
    await using database = openTestDatabase(uri ?? '');
    const [before, after] = [join(directory.path, 'before'), join(directory.path, 'after')];
    let serverKey: string;
    let watched: Pick<Follower, 'resumeToken' | 'revision'>;
    {
      await using server = await startServer({ dataDir: before });
      await done(['flag', 'create', 'banner', '--enable', 'production'], at(server));
      await done(['flag', 'rule', 'add', 'banner', '--when', 'plan in pro', '--serve', 'on'], at(server));
      serverKey = await done(['-q', 'key', 'create', '--kind', 'server'], at(server));
      watched = await watchTo(server, serverKey);

      const early = await runCli([
        'migrate',
        '--to',
        'mongodb',
        '--data-dir',
        before,
        '--mongodb-uri',
        uri ?? '',
      ]);
      expect(early).toMatchObject({ code: 1, stdout: '' });
      expect(early.stderr).toContain(`${before} is in use by process ${server.pid} (vexil serve`);
      await server.stop();
    }
    const options = ['--mongodb-uri', database.uri, '--mongodb-database', database.name];
    const looked = await done(['migrate', '--to', 'mongodb', '--data-dir', before, ...options, '--dry-run']);
    expect(looked).toMatch(/^PROJECT +REVISIONS +TO COPY +OBJECTS +HEAD\n_system +1 +1 .*\ndefault +4 +4 /);
    expect(looked).toContain('checked: 5 revisions, nothing copied');
    const there = await done(['migrate', '--to', 'mongodb', '--data-dir', before, ...options]);
    expect(there).toMatch(
      /\ndefault +4 +4 +6 +[0-9a-f]{12}\nverified: 5 revisions, the same in both places$/,
    );
    const again = await done(['migrate', '--to', 'mongodb', '--data-dir', before, ...options, '--json']);
    expect(JSON.parse(again).projects).toMatchObject([{ copied: 0 }, { project: 'default', copied: 0 }]);

    const adminToken = readFileSync(join(before, 'admin.key'), 'utf8').trim();
    const asServer = { VEXIL_TOKEN: serverKey };
    const evaluated = ['eval', 'banner', '--key', 'anna', '--attr', 'plan=pro'];
    {
      const env = {
        VEXIL_MONGODB_URI: database.uri,
        VEXIL_MONGODB_DATABASE: database.name,
        VEXIL_KEY_PEPPER_FILE: join(before, 'pepper'),
      };
      await using replica = await startServer({ dataDir: join(directory.path, 'replica'), env });
      const there = { VEXIL_SERVER: replica.url, VEXIL_TOKEN: adminToken };
      expect(await done(evaluated, { ...there, ...asServer })).toContain('banner = true');
      await done(['flag', 'halt', 'banner', '--reason', 'over there'], there);
      watched = await watchTo(replica, serverKey, watched);
      await replica.stop();
    }

    await done(['migrate', '--to', 'data-dir', '--data-dir', after, ...options]);
    for (const file of ['pepper', 'admin.key']) cpSync(join(before, file), join(after, file));
    await using server = await startServer({ dataDir: after });
    expect(await done(['history', 'verify'], at(server))).toBe('intact: 5 revisions checked');
    expect(await done(evaluated, { VEXIL_SERVER: server.url, ...asServer })).toContain('HALTED: over there');
    expect((await watchTo(server, serverKey, watched)).revision).toBe(5);
    await server.stop();
  });
});

describe('a wrong command', () => {
  it.each([
    [['--to', 'mars', '--mongodb-uri', 'mongodb://127.0.0.1'], 2, '"mars" is neither mongodb nor data-dir'],
    [['--to', 'mongodb'], 2, 'which MongoDB?'],
    [['--to', 'mongodb', '--mongodb-uri-file', '/nonexistent/uri'], 2, 'cannot read /nonexistent/uri'],
    [
      ['--to', 'mongodb', '--data-dir', '/nonexistent', '--mongodb-uri', 'mongodb://a'],
      1,
      'there is no changes.db',
    ],
    [['--to', 'data-dir', '--mongodb-uri', 'rhubarb://hunter2'], 1, 'the URI of MongoDB is not usable'],
    [[], 2, "required option '--to <place>' not specified"],
  ])('is refused: %j', async (args, code, problem) => {
    await using directory = await temporaryDirectory();
    mkdirSync(directory.path, { recursive: true });
    const result = await runCli(['migrate', ...args], { cwd: directory.path });
    expect(result.code).toBe(code);
    expect(result.stderr).toContain(problem);
    expect(result.stderr).not.toContain('hunter2');
  });
});
