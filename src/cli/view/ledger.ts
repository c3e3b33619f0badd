import type {
  DeadLetter,
  EraseSubjectResponse,
  GetLedgerResponse,
  LedgerAccount,
  ReplayDeadLettersResponse,
} from '../../../gen/vexil/v1/analytics_service_pb.ts';
import type { Paint } from '../printer.ts';
import { counted, printable, table } from './table.ts';
import { formatTime } from './time.ts';

/** Each process with what became of what it accepted, and all together. */
export function ledgerText({ total, entries }: GetLedgerResponse, paint: Paint): string {
  const rows = [
    ...entries.map(
      ({ process, account, lastTime }) => [process, formatTime(lastTime).slice(0, 19), account] as const,
    ),
    ...(total === undefined ? [] : [['all', '', total] as const]),
  ];
  const cells = rows.map(([process, last, account]) => [process, last, ...accountCells(account)]);
  const [head = '', ...lines] = table(
    ['PROCESS', 'LAST', 'ACCEPTED', 'STORED', 'DEAD', 'LOST', 'PENDING'],
    cells,
  ).split('\n');
  const painted = lines.map((line, index) =>
    rows[index]?.[2]?.balanced === false ? paint('yellow', line) : line,
  );
  const gaps = entries.flatMap(({ process, missing }) =>
    missing.map(({ firstSequence, lastSequence }) =>
      firstSequence === lastSequence
        ? `batch ${firstSequence} of ${process} is missing`
        : `batches ${firstSequence} to ${lastSequence} of ${process} are missing`,
    ),
  );
  return [head, ...painted, ...gaps.map(printable), ...lossLines(total), verdict(total, paint)].join('\n');
}

function accountCells(account: LedgerAccount | undefined): string[] {
  const { accepted = 0n, stored = 0n, deadLettered = 0n, lost = {}, pending = 0n } = account ?? {};
  const allLost = Object.values(lost).reduce((sum, units) => sum + units, 0n);
  return [accepted, stored, deadLettered, allLost, pending].map(String);
}

function lossLines(total: LedgerAccount | undefined): string[] {
  return Object.entries(total?.lost ?? {}).map(([reason, units]) => printable(`lost: ${units} ${reason}`));
}

function verdict(total: LedgerAccount | undefined, paint: Paint): string {
  return total?.balanced === false
    ? paint('yellow', 'not balanced: what is pending is on its way, or not accounted for yet')
    : paint('green', 'balanced');
}

export function deadLetterTable(letters: readonly DeadLetter[]): string {
  const rows = letters.map(({ id, time, attempts, size, units, error }) => [
    ...[
      id,
      formatTime(time),
      String(attempts),
      String(size),
      units === undefined ? '' : String(units),
      error,
    ],
  ]);
  return table(['ID', 'TIME', 'ATTEMPTS', 'BYTES', 'UNITS', 'ERROR'], rows);
}

export function replayedText({ replayed, failed }: ReplayDeadLettersResponse): string {
  const failures = Object.entries(failed).map(([id, why]) => printable(`${id} stays: ${why}`));
  return [`${counted(replayed.length, 'dead letter')} stored`, ...failures].join('\n');
}

export function erasedText({ evaluations, events, contexts }: EraseSubjectResponse): string {
  return `erased: ${counted(evaluations, 'evaluation')}, ${counted(events, 'event')}, ${counted(contexts, 'context')}`;
}
