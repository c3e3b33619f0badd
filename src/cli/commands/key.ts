import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { Command } from 'commander';
import { type Key, KeyKind, KeySchema, KeyService, Scope } from '../../../gen/vexil/v1/key_service_pb.ts';
import { asked, type ChangeFlags, changeOptions, changing, collect } from '../change-flags.ts';
import { addSteps, type Step } from '../lifecycle.ts';
import { collectPages, pageSize } from '../pages.ts';
import { enumWord, parseEnum } from '../parse/enumeration.ts';
import { parseTime } from '../parse/time.ts';
import type { OpenSession, Session } from '../session.ts';
import { UsageError } from '../usage-error.ts';
import { table } from '../view/table.ts';
import { formatTime } from '../view/time.ts';

const { method } = KeyService;

interface CreateFlags extends ChangeFlags {
  readonly kind: string;
  readonly name?: string;
  readonly scope?: readonly string[];
  readonly origin?: string[];
  readonly expires?: string;
  readonly instance?: boolean;
}

const steps: readonly Step[] = [
  {
    verb: 'revoke',
    done: 'revoked',
    description: 'Refuse a key from now on, and close its streams.',
    asks: true,
    act: (session, input, deed) => session.change(method.revokeKey, input, deed),
  },
];

export function register(key: Command, open: OpenSession): void {
  registerCreate(key, open);
  registerList(key, open);
  addSteps(key, open, 'key', (session, id) => session.scope.named('keys', id), steps);
}

function registerCreate(key: Command, open: OpenSession): void {
  changing(key.command('create'))
    .description('Make a key. Its secret is printed once, alone on standard output.')
    .requiredOption('--kind <kind>', 'server, web or admin')
    .option('--name <text>', 'its name for people')
    .option('--scope <scope>', 'for admin keys: read, write, halt or keys (repeatable)', collect)
    .option(
      '--origin <origin>',
      'for web keys: a site that may use it, such as https://shop.example',
      collect,
    )
    .option('--expires <time>', 'such as 90d or 2027-01-01')
    .option('--instance', 'for admin keys: to the whole instance, not to one project')
    .action(async (options: CreateFlags, command: Command) => {
      const wanted = parseKey(options, new Date());
      const session = await open(command);
      const isAdmin = wanted.kind === KeyKind.ADMIN;
      if (!isAdmin) wanted.environment = await session.scope.environment();
      const parent = options.instance ? '' : await session.scope.project();
      const input = { parent, key: wanted, options: changeOptions(options) };
      await createKey(session, input, options);
    });
}

interface CreateInput {
  readonly parent: string;
  readonly key: Key;
  readonly options: ReturnType<typeof changeOptions>;
}

/** The secret is the answer, so that a script can keep it; what happened is a message. */
async function createKey(session: Session, input: CreateInput, flags: ChangeFlags): Promise<void> {
  const { print } = session;
  const kind = enumWord(KeyKind, input.key.kind);
  if (print.format !== 'table' || flags.dryRun) {
    await session.change(method.createKey, input, {
      subject: `${kind} key`,
      done: 'created',
      ...asked(flags),
    });
    return;
  }
  const { key, secret, receipt } = await session.call(method.createKey, input);
  for (const warning of receipt?.warnings ?? []) print.warn(warning);
  print.note(`${kind} key ${key?.id ?? ''} created. This is the only time that it is shown:`);
  print.text(secret);
}

function registerList(key: Command, open: OpenSession): void {
  key
    .command('list')
    .description('List keys, never their secrets. With --env: of that environment.')
    .option('--revoked', 'revoked ones too')
    .option('--instance', 'keys to the whole instance, not of a project')
    .action(async (options: { revoked?: boolean; instance?: boolean }, command: Command) => {
      const session = await open(command);
      const { scope, settings } = session;
      const parent = options.instance ? '' : await scope.project();
      const environment = settings.environment?.source === '--env' ? await scope.environment() : '';
      const filter = { parent, environment, showRevoked: options.revoked ?? false, pageSize };
      const keys = await collectPages(async (pageToken) => {
        const page = await session.call(method.listKeys, { ...filter, pageToken });
        return { items: page.keys, nextPageToken: page.nextPageToken };
      });
      await session.showAll(KeySchema, keys, () => keyTable(keys));
    });
}

/** A key from options, still without its environment. */
export function parseKey(options: CreateFlags, now: Date): Key {
  const kind = parseEnum(KeyKind, options.kind);
  if (options.instance && kind !== KeyKind.ADMIN) throw new UsageError('--instance is for admin keys');
  const { expires } = options;
  return create(KeySchema, {
    kind,
    displayName: options.name ?? '',
    scopes: (options.scope ?? []).map((word) => parseEnum(Scope, word)),
    allowedOrigins: options.origin ?? [],
    ...(expires === undefined ? {} : { expireTime: timestampFromDate(parseTime(expires, now, 'future')) }),
  });
}

function keyTable(keys: readonly Key[]): string {
  const rows = keys.map((key) => [
    key.id,
    enumWord(KeyKind, key.kind),
    key.displayName,
    key.environment.split('/')[3] ?? '',
    [...key.scopes.map((scope) => enumWord(Scope, scope)), ...key.allowedOrigins].join(','),
    stateText(key),
    formatTime(key.createTime),
  ]);
  return table(['ID', 'KIND', 'NAME', 'ENVIRONMENT', 'MAY', 'STATE', 'CREATED'], rows);
}

function stateText({ revokeTime, expireTime }: Key): string {
  if (revokeTime !== undefined) return `revoked ${formatTime(revokeTime)}`;
  return expireTime === undefined ? 'valid' : `until ${formatTime(expireTime)}`;
}
