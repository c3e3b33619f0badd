import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { Command } from 'commander';
import {
  EventKind,
  type RejectedItem,
  ReportEventsResponseSchema,
  ReportExposuresResponseSchema,
  TelemetryService,
} from '../../../gen/vexil/v1/telemetry_service_pb.ts';
import { collect } from '../change-flags.ts';
import { keyOf } from '../names.ts';
import { type ContextOptions, parseContext } from '../parse/context.ts';
import { parseEnum } from '../parse/enumeration.ts';
import { parseTime } from '../parse/time.ts';
import type { OpenSession } from '../session.ts';
import { UsageError } from '../usage-error.ts';
import { environmentFor } from './eval.ts';

const { method } = TelemetryService;

interface ReportOptions extends ContextOptions {
  readonly id?: string;
  readonly at?: string;
}

interface EventOptions extends ReportOptions {
  readonly kind?: string;
  readonly value?: string;
  readonly flag?: string;
}

export function register(report: Command, open: OpenSession): void {
  registerExposure(report, open);
  registerEvent(report, open);
}

function registerExposure(report: Command, open: OpenSession): void {
  reporting(report.command('exposure'))
    .argument('<flag>')
    .argument('<variation>', 'what somebody got')
    .description('Say that somebody got a variation of a flag.')
    .action(async (flag: string, variation: string, options: ReportOptions, command: Command) => {
      const session = await open(command);
      const flagKey = keyOf(flag);
      const exposures = [{ ...itemOf(options), flagKey, variation, manual: true }];
      const environment = await environmentFor(session);
      const answer = await session.call(method.reportExposures, { environment, exposures });
      checkTaken(answer.rejected);
      await session.show(ReportExposuresResponseSchema, answer, () =>
        answer.repeatedCount > 0 ? 'exposure was reported before' : 'exposure reported',
      );
    });
}

function registerEvent(report: Command, open: OpenSession): void {
  reporting(report.command('event'))
    .argument('<name>', 'what happened')
    .description('Say that something happened to somebody.')
    .option('--kind <kind>', 'metric (the default), error or crash')
    .option('--value <number>', 'how much')
    .option('--flag <flag>', 'the one flag that it is about')
    .action(async (name: string, options: EventOptions, command: Command) => {
      const session = await open(command);
      const { kind, value, flag } = options;
      const event = {
        ...{ ...itemOf(options), name },
        ...(kind !== undefined && { kind: parseEnum(EventKind, kind) }),
        ...(value !== undefined && { value: numberIn(value) }),
        ...(flag !== undefined && { flagKey: keyOf(flag) }),
      };
      const environment = await environmentFor(session);
      const answer = await session.call(method.reportEvents, { environment, events: [event] });
      checkTaken(answer.rejected);
      await session.show(ReportEventsResponseSchema, answer, () =>
        answer.repeatedCount > 0 ? 'event was reported before' : 'event reported',
      );
    });
}

function reporting(command: Command): Command {
  return command
    .option('--key <key>', 'who: the targeting key')
    .option('--attr <name=value>', 'an attribute; JSON, or plain text (repeatable)', collect)
    .option('--at <time>', 'when; now if it is not said')
    .option('--id <text>', 'what comes again under the same id counts once');
}

function itemOf(options: ReportOptions) {
  const { id = '', at } = options;
  const context = parseContext(options, undefined);
  return {
    ...{ id, context },
    ...(at !== undefined && { time: timestampFromDate(parseTime(at, new Date(), 'past')) }),
  };
}

function numberIn(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new UsageError(`"${text}" is not a number`);
  return value;
}

function checkTaken(rejected: readonly RejectedItem[]): void {
  if (rejected.length === 0) return;
  throw new Error(rejected.map(({ field, description }) => `${field}: ${description}`).join('\n'));
}
