import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { Command } from 'commander';
import {
  AdoptHistoryResponseSchema,
  DiffRevisionsResponseSchema,
  HistoryService,
  type Revision,
  RevisionSchema,
  VerifyHistoryResponseSchema,
} from '../../../gen/vexil/v1/history_service_pb.ts';
import { asked, changeOptions, confirm, type DestructiveFlags, destructive } from '../change-flags.ts';
import { keyOf } from '../names.ts';
import { collectPages, pageSize } from '../pages.ts';
import { parseTime } from '../parse/time.ts';
import type { OpenSession, Session } from '../session.ts';
import { UsageError } from '../usage-error.ts';
import { changesText, revisionTable, revisionText } from '../view/history.ts';
import { counted } from '../view/table.ts';

const { method } = HistoryService;

interface ListFlags {
  readonly flag?: string;
  readonly settings?: string;
  readonly segment?: string;
  readonly object?: string;
  readonly action?: string;
  readonly actor?: string;
  readonly since?: string;
  readonly until?: string;
  readonly limit: string;
}

export function register(history: Command, open: OpenSession): void {
  registerList(history, open);
  registerShow(history, open);
  registerDiff(history, open);
  registerRevert(history, open);
  registerVerify(history, open);
  registerAdopt(history, open);
}

function registerList(history: Command, open: OpenSession): void {
  history
    .command('list')
    .description('List revisions, the newest first.')
    .option('--flag <flag>', 'that touch this flag')
    .option('--settings <flag>', 'that touch what this flag does in the environment')
    .option('--segment <segment>', 'that touch this segment')
    .option('--object <name>', 'that touch the object with this full name')
    .option('--action <action>', 'such as flag.halt')
    .option('--actor <actor>')
    .option('--since <time>', 'such as 2d or 2026-12-01')
    .option('--until <time>')
    .option('--limit <number>', 'how many; 0: all', '50')
    .action(async (options: ListFlags, command: Command) => {
      const limit = wholeNumber(options.limit) || Number.POSITIVE_INFINITY;
      const times = timesOf(options);
      const session = await open(command);
      const filter = {
        parent: await session.scope.project(),
        object: await objectOf(session, options),
        action: options.action ?? '',
        actor: options.actor ?? '',
        pageSize: Math.min(limit, pageSize),
        ...times,
      };
      const revisions = await collectPages(async (pageToken) => {
        const page = await session.call(method.listRevisions, { ...filter, pageToken });
        return { items: page.revisions, nextPageToken: page.nextPageToken };
      }, limit);
      await session.showAll(RevisionSchema, revisions, () => revisionTable(revisions));
    });
}

function registerShow(history: Command, open: OpenSession): void {
  history
    .command('show')
    .argument('<revision>')
    .description('Show what a revision changed.')
    .action(async (text: string, _options: object, command: Command) => {
      wholeNumber(keyOf(text));
      const session = await open(command);
      const name = await session.scope.named('revisions', text);
      const { revision } = await session.call(method.getRevision, { name });
      if (revision !== undefined) await session.show(RevisionSchema, revision, () => revisionText(revision));
    });
}

function registerDiff(history: Command, open: OpenSession): void {
  history
    .command('diff')
    .argument('<from>', 'a revision')
    .argument('[to]', 'a revision; default: the newest')
    .description('Show what differs between two revisions.')
    .action(async (from: string, to: string | undefined, _options: object, command: Command) => {
      const [fromRevision, toRevision] = [revisionNumber(from), revisionNumber(to ?? '0')];
      const session = await open(command);
      const parent = await session.scope.project();
      const diff = await session.call(method.diffRevisions, { parent, fromRevision, toRevision });
      if (diff.changes.length === 0) session.print.note('no differences');
      if (diff.changes.length > 0 || session.print.format !== 'table') {
        await session.show(DiffRevisionsResponseSchema, diff, () => changesText(diff.changes));
      }
    });
}

function registerRevert(history: Command, open: OpenSession): void {
  destructive(history.command('revert'))
    .argument('<revision>')
    .description('Make everything as it was at a revision, as a new change. Keys stay as they are.')
    .option('--expect-head <revision>', 'only if this is still the newest revision')
    .action(async (text: string, options: DestructiveFlags & { expectHead?: string }, command: Command) => {
      const revision = revisionNumber(text);
      const expectedHead = revisionNumber(options.expectHead ?? '0');
      const session = await open(command);
      const parent = await session.scope.project();
      const subject = `project ${keyOf(parent)}`;
      await confirm(session, options, `Revert everything in ${subject} to revision ${revision}?`);
      const deed = { subject, done: `reverted to revision ${revision}`, ...asked(options) };
      const input = { parent, revision, expectedHead, options: changeOptions(options) };
      const { changes } = await session.change(method.revertToRevision, input, deed);
      if (session.print.format === 'table' && !session.print.quiet && changes.length > 0) {
        session.print.text(changesText(changes));
      }
    });
}

function registerVerify(history: Command, open: OpenSession): void {
  history
    .command('verify')
    .description('Check that no revision was altered, dropped or moved.')
    .action(async (_options: object, command: Command) => {
      const session = await open(command);
      const parent = await session.scope.project();
      const result = await session.call(method.verifyHistory, { parent });
      const checked = `${counted(result.revisionsChecked, 'revision')} checked`;
      const text = () => (result.intact ? `intact: ${checked}` : `broken: ${checked}`);
      await session.show(VerifyHistoryResponseSchema, result, text);
      if (!result.intact) throw new Error(`revision ${result.brokenRevision}: ${result.problem}`);
    });
}

function registerAdopt(history: Command, open: OpenSession): void {
  history
    .command('adopt')
    .argument('[head]', 'the hash of the newest revision; without it that is shown, and nothing is done')
    .description('Take the log as it is for the truth, after it was rewritten or restored from a backup.')
    .option('--reason <text>', 'why; kept in the log')
    .option('-y, --yes', 'do not ask')
    .action(async (head: string | undefined, options: DestructiveFlags, command: Command) => {
      const headHash = head === undefined ? undefined : hashIn(head);
      const session = await open(command);
      const parent = await session.scope.project();
      const project = keyOf(parent);
      if (headHash === undefined) {
        const { revisions } = await session.call(method.listRevisions, { parent, pageSize: 1 });
        const [newest] = revisions;
        if (newest === undefined) throw new Error(`the log of ${project} is empty`);
        await session.show(RevisionSchema, newest, () => adoptText(newest));
        return;
      }
      await confirm(session, options, `Give up everything in ${project} that the log does not have?`);
      const adopted = await session.call(method.adoptHistory, {
        ...{ parent, headHash, reason: options.reason ?? '' },
      });
      const { revision, abandonedRevision } = adopted;
      const text = `project ${project} adopted at revision ${revision}; given up was a history of ${abandonedRevision}`;
      await session.show(AdoptHistoryResponseSchema, adopted, () => text);
    });
}

function adoptText(newest: Revision): string {
  const hash = Buffer.from(newest.hash).toString('hex');
  const whatNext = `If this is what the log should end with:\n\n  vexil history adopt ${hash}`;
  return `${revisionTable([newest])}\n\n${whatNext}`;
}

function hashIn(text: string): Uint8Array {
  if (!/^[0-9a-f]{64}$/i.test(text)) throw new UsageError(`"${text}" is not the hash of a revision`);
  return Buffer.from(text, 'hex');
}

async function objectOf({ scope }: Session, options: ListFlags): Promise<string> {
  if (options.flag !== undefined) return scope.named('flags', options.flag);
  if (options.settings !== undefined) return scope.settings(options.settings);
  if (options.segment !== undefined) return scope.named('segments', options.segment);
  return options.object ?? '';
}

function timesOf({ since, until }: ListFlags) {
  const parse = (text: string) => timestampFromDate(parseTime(text, new Date(), 'past'));
  return {
    ...(since === undefined ? {} : { startTime: parse(since) }),
    ...(until === undefined ? {} : { endTime: parse(until) }),
  };
}

function revisionNumber(text: string): bigint {
  return BigInt(wholeNumber(keyOf(text)));
}

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new UsageError(`"${text}" is not a whole number`);
  return Number(text);
}
