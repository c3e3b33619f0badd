import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { Command } from 'commander';
import {
  type Context,
  DecisionSchema,
  type EvaluateResponse,
  EvaluateResponseSchema,
  EvaluationService,
} from '../../../gen/vexil/v1/evaluation_pb.ts';
import { EvaluateAtResponseSchema, HistoryService } from '../../../gen/vexil/v1/history_service_pb.ts';
import { collect } from '../change-flags.ts';
import { keyOf } from '../names.ts';
import { type ContextOptions, parseContext } from '../parse/context.ts';
import { readDocument } from '../parse/document.ts';
import { parseTime } from '../parse/time.ts';
import type { OpenSession, Session } from '../session.ts';
import { UsageError } from '../usage-error.ts';
import { bareValue, decisionLine, decisionTable, reasonText } from '../view/decision.ts';
import { formatTime } from '../view/time.ts';
import { traceTree } from '../view/trace.ts';

interface EvalOptions extends ContextOptions {
  readonly context?: string;
  readonly explain?: boolean;
  readonly all?: boolean;
  readonly at?: string;
  readonly revision?: string;
}

export function register(command: Command, open: OpenSession): void {
  command
    .argument('[flag...]', 'one, or several, or none with --all')
    .description('Evaluate flags for somebody. With --quiet the value alone is printed.')
    .option('--key <key>', 'the targeting key')
    .option('--attr <name=value>', 'an attribute; JSON, or plain text (repeatable)', collect)
    .option('--context <path>', 'a targeting key and attributes as JSON or YAML (- for standard input)')
    .option('--explain', 'show how the answer came about')
    .option('--all', 'every flag of the environment')
    .option('--at <time>', 'what the answer was at this time')
    .option('--revision <number>', 'what the answer was at this revision')
    .action(async (keys: string[], options: EvalOptions) => {
      const flags = keys.map(keyOf);
      check(flags, options);
      const session = await open(command);
      const file =
        options.context === undefined ? undefined : await readDocument(options.context, session.io);
      const context = parseContext(options, file);
      const [flag, ...others] = flags;
      if (flag === undefined || others.length > 0) return evaluateAll(session, flags, context);
      if (options.at !== undefined || options.revision !== undefined) {
        return evaluateAt(session, flag, context, options);
      }
      return evaluateOne(session, flag, context, options.explain ?? false);
    });
}

function check(flags: readonly string[], options: EvalOptions): void {
  if ((flags.length === 0) !== (options.all ?? false)) throw new UsageError('name a flag, or give --all');
  if (options.at !== undefined && options.revision !== undefined) {
    throw new UsageError('give either --at or --revision');
  }
  const past = options.at !== undefined || options.revision !== undefined;
  if (flags.length !== 1 && (past || options.explain)) {
    throw new UsageError('--explain, --at and --revision are for one flag');
  }
}

async function evaluateOne(session: Session, flagKey: string, context: Context, explain: boolean) {
  const environment = await environmentFor(session);
  const input = { flagKey, context, explain, environment };
  const answer = await session.call(EvaluationService.method.evaluate, input);
  await session.show(EvaluateResponseSchema, answer, () => answerText(session, answer));
  failWithoutValue(answer);
}

async function evaluateAt(session: Session, flagKey: string, context: Context, options: EvalOptions) {
  const { at, revision, explain = false } = options;
  const moment = at === undefined ? revisionCase(revision ?? '') : timeCase(at);
  const parent = await session.scope.environment();
  const input = { parent, flagKey, context, explain, at: moment };
  const response = await session.call(HistoryService.method.evaluateAt, input);
  const { evaluation, time } = response;
  if (evaluation === undefined) return;
  const text = () =>
    `${answerText(session, evaluation)}${session.print.quiet ? '' : `\nat ${formatTime(time)}`}`;
  await session.show(EvaluateAtResponseSchema, response, text);
  failWithoutValue(evaluation);
}

async function evaluateAll(session: Session, flagKeys: string[], context: Context) {
  const environment = await environmentFor(session);
  const { decisions } = await session.call(EvaluationService.method.evaluateAll, {
    context,
    flagKeys,
    environment,
  });
  await session.showAll(DecisionSchema, decisions, () => decisionTable(decisions));
}

/** Server and web keys belong to an environment, so there is nothing to look up for them. */
export async function environmentFor({ settings, scope }: Session): Promise<string> {
  const isBound = /^vx_(server|web)_/.test(settings.token?.value ?? '');
  return isBound && settings.environment === undefined ? '' : scope.environment();
}

function answerText({ print }: Session, answer: EvaluateResponse): string {
  if (print.quiet) return bareValue(answer);
  const line = `${decisionLine(answer)} at revision ${answer.revision}`;
  return answer.trace === undefined ? line : `${line}\n${traceTree(answer.trace, print.paint)}`;
}

function failWithoutValue(answer: EvaluateResponse): void {
  if (answer.value.case === undefined) {
    throw new Error(`flag ${answer.flagKey} has no value: ${reasonText(answer)}`);
  }
}

function timeCase(text: string) {
  return { case: 'time', value: timestampFromDate(parseTime(text, new Date(), 'past')) } as const;
}

function revisionCase(text: string) {
  if (!/^\d+$/.test(text)) throw new UsageError(`"${text}" is not the number of a revision`);
  return { case: 'revision', value: BigInt(text) } as const;
}
