import type { Command } from 'commander';
import {
  AnalyticsService,
  DeadLetterSchema,
  EraseSubjectResponseSchema,
  GetLedgerResponseSchema,
  ReplayDeadLettersResponseSchema,
} from '../../../gen/vexil/v1/analytics_service_pb.ts';
import { confirm } from '../change-flags.ts';
import { collectPages, pageSize } from '../pages.ts';
import type { OpenSession } from '../session.ts';
import { UsageError } from '../usage-error.ts';
import { deadLetterTable, erasedText, ledgerText, replayedText } from '../view/ledger.ts';

const { method } = AnalyticsService;

const PROCESSES = '20';
/** As many as a call can give. */
const MOST_PROCESSES = '1000';

/** `analytics ledger|dead-letters|replay|erase`. */
export function registerKeeping(analytics: Command, open: OpenSession): void {
  registerLedger(analytics, open);
  registerLetters(analytics, open);
  registerErase(analytics, open);
}

function registerLedger(analytics: Command, open: OpenSession): void {
  analytics
    .command('ledger')
    .description('Show whether everything that was accepted is accounted for. Needs a key to the instance.')
    .option('--limit <number>', 'how many processes, the newest first; default: 20, with --check 1000')
    .option('--check', 'fail unless it balances')
    .action(async (options: { limit?: string; check?: boolean }, command: Command) => {
      // A loss of last week is a loss as well.
      const { limit = options.check ? MOST_PROCESSES : PROCESSES } = options;
      if (!/^[1-9]\d{0,3}$/.test(limit)) throw new UsageError(`"${limit}" is not a number of processes`);
      const session = await open(command);
      const ledger = await session.call(method.getLedger, { limit: Number(limit) });
      if (options.check && ledger.entries.length >= Number(limit))
        session.print.warn(`only the newest ${ledger.entries.length} processes are looked at`);
      await session.show(GetLedgerResponseSchema, ledger, () => ledgerText(ledger, session.print.paint));
      const { balanced = true, pending = 0n } = ledger.total ?? {};
      if (options.check && !balanced) throw new Error(`the ledger does not balance: ${pending} are pending`);
    });
}

function registerLetters(analytics: Command, open: OpenSession): void {
  analytics
    .command('dead-letters')
    .description('List batches that nobody could read. Needs a key to the instance.')
    .action(async (_options: object, command: Command) => {
      const session = await open(command);
      const letters = await collectPages(async (pageToken) => {
        const page = await session.call(method.listDeadLetters, { pageSize, pageToken });
        return { items: page.deadLetters, nextPageToken: page.nextPageToken };
      });
      await session.showAll(DeadLetterSchema, letters, () => deadLetterTable(letters));
    });
  analytics
    .command('replay')
    .argument('[id...]', 'dead letters; default: all')
    .description(
      'Try to read dead letters again, as a newer version may be able to. Needs a key to the instance.',
    )
    .action(async (ids: string[], _options: object, command: Command) => {
      const session = await open(command);
      const answer = await session.call(method.replayDeadLetters, { ids });
      while (answer.last !== '') {
        const more = await session.call(method.replayDeadLetters, { after: answer.last });
        answer.replayed.push(...more.replayed);
        Object.assign(answer.failed, more.failed);
        answer.last = more.last;
      }
      await session.show(ReplayDeadLettersResponseSchema, answer, () => replayedText(answer));
    });
}

function registerErase(analytics: Command, open: OpenSession): void {
  analytics
    .command('erase')
    .argument('<targeting-key>')
    .description('Remove whatever is kept of one subject in an environment. Sums stay.')
    .option('-y, --yes', 'do not ask')
    .action(async (targetingKey: string, options: { yes?: boolean }, command: Command) => {
      const session = await open(command);
      const parent = await session.scope.environment();
      await confirm(session, options, `Erase what is kept of ${JSON.stringify(targetingKey)} in ${parent}?`);
      const erased = await session.call(method.eraseSubject, { parent, targetingKey });
      await session.show(EraseSubjectResponseSchema, erased, () => erasedText(erased));
    });
}
