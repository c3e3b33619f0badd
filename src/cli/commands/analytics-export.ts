import { once } from 'node:events';
import { type JsonValue, toJson } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { Command } from 'commander';
import {
  AnalyticsService,
  type ExportEvaluationsResponse,
  type ExportedEvaluation,
  ExportedEvaluationSchema,
  ExportFormat,
} from '../../../gen/vexil/v1/analytics_service_pb.ts';
import { ErrorCode, Reason } from '../../../gen/vexil/v1/evaluation_pb.ts';
import { csvLine } from '../csv.ts';
import type { Io } from '../io.ts';
import { keyOf } from '../names.ts';
import { enumWord, parseEnum } from '../parse/enumeration.ts';
import { ofPeriod, type PeriodOptions, parsePeriod } from '../parse/period.ts';
import type { OpenSession, Session } from '../session.ts';
import { UsageError } from '../usage-error.ts';

const { method } = AnalyticsService;

const COLUMNS = [
  ...['id', 'time', 'flag', 'flag_version', 'revision', 'variation', 'reason', 'error_code', 'rule_id'],
  ...['subject', 'source', 'client', 'count', 'weight'],
];

interface ExportOptions extends PeriodOptions {
  readonly flag?: string;
  readonly subject?: string;
  readonly format: string;
  readonly csv?: boolean;
  readonly resumeToken?: string;
}

/** `analytics export`. */
export function registerExport(analytics: Command, open: OpenSession): void {
  ofPeriod(analytics.command('export'), 'the last day')
    .description('Write what was recorded to standard output: JSON, one object on each line, or CSV.')
    .option('--flag <flag>', 'only this flag')
    .option('--subject <subject>', 'only this subject, as it is stored')
    .option('--format <format>', 'rows; segment or posthog: events that these take', 'rows')
    .option('--csv', 'rows as CSV')
    .option('--resume-token <token>', 'go on where an export of the same ended, without the heading of CSV')
    .action(async (options: ExportOptions, command: Command) => {
      const format = parseEnum(ExportFormat, options.format);
      if (options.csv && format !== ExportFormat.ROWS) throw new UsageError('--csv is for rows');
      const request = {
        flag: keyOf(options.flag ?? ''),
        subject: options.subject ?? '',
        format,
        resumeToken: options.resumeToken ?? '',
        ...parsePeriod(options),
      };
      const session = await open(command);
      const parent = await session.scope.environment();
      await writeAll(session, { parent, ...request }, options.csv ?? false);
    });
}

async function writeAll(
  { io, print, stream }: Session,
  request: Parameters<
    typeof stream<typeof method.exportEvaluations.input, typeof method.exportEvaluations.output>
  >[1],
  csv: boolean,
): Promise<void> {
  const linesOf = csv ? csvLines : jsonLines;
  let [written, skipped, resumeToken] = [0, 0, ''];
  try {
    // What goes on is put behind what there is.
    if (csv && request.resumeToken === '') await write(io, csvLine(COLUMNS));
    for await (const part of stream(method.exportEvaluations, request)) {
      await write(io, linesOf(part));
      written += part.rows.length + part.events.length;
      skipped += Number(part.skipped);
      resumeToken = part.resumeToken;
    }
  } catch (error) {
    if (resumeToken !== '') print.warn(`${written} written; go on with --resume-token ${resumeToken}`);
    throw error;
  }
  if (skipped > 0) print.note(`${skipped} left out: nobody who is known got a variation`);
}

/** Waits for a reader that is slower than the service. */
async function write({ stdout, signal }: Io, text: string): Promise<void> {
  if (!stdout.write(text)) await once(stdout, 'drain', { signal });
}

function jsonLines({ rows, events }: ExportEvaluationsResponse): string {
  const values: JsonValue[] = [
    ...rows.map((row) => toJson(ExportedEvaluationSchema, row, { alwaysEmitImplicit: true })),
    ...events,
  ];
  return values.map((value) => `${JSON.stringify(value)}\n`).join('');
}

function csvLines({ rows }: ExportEvaluationsResponse): string {
  return rows.map((row) => csvLine(cellsOf(row))).join('');
}

/** To the millisecond, for rows are in the order of time. */
function timeText({ time }: ExportedEvaluation): string {
  return time === undefined ? '' : timestampDate(time).toISOString();
}

function cellsOf(row: ExportedEvaluation): (string | number | bigint)[] {
  const errorCode = row.errorCode === ErrorCode.UNSPECIFIED ? '' : enumWord(ErrorCode, row.errorCode);
  return [
    ...[row.id, timeText(row), row.flag, row.flagVersion, row.revision, row.variation],
    ...[enumWord(Reason, row.reason).toUpperCase(), errorCode.toUpperCase(), row.ruleId],
    ...[row.subject, row.source, row.client, row.count, row.weight],
  ];
}
