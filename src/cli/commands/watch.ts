import { setTimeout as wait } from 'node:timers/promises';
import { type MessageInitShape, toJson } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import type { Command } from 'commander';
import {
  type Context,
  EvaluationService,
  type WatchFlagsRequestSchema,
  type WatchFlagsResponse,
  WatchFlagsResponseSchema,
} from '../../../gen/vexil/v1/evaluation_pb.ts';
import { collect } from '../change-flags.ts';
import { keyOf } from '../names.ts';
import { type ContextOptions, parseContext } from '../parse/context.ts';
import { readDocument } from '../parse/document.ts';
import type { OpenSession, Session } from '../session.ts';
import { UsageError } from '../usage-error.ts';
import { watchLine } from '../view/watch.ts';
import { environmentFor } from './eval.ts';

const firstRetryMs = 500;
const longestRetryMs = 30_000;

interface WatchOptions extends ContextOptions {
  readonly decisions?: boolean;
  readonly definitions?: boolean;
  readonly context?: string;
  /** False for `--no-reconnect`, else absent. */
  readonly reconnect?: false;
}

type WatchRequest = Exclude<MessageInitShape<typeof WatchFlagsRequestSchema>, { $typeName: string }>;

export function register(command: Command, open: OpenSession): void {
  command
    .argument('[flag...]', 'default: every flag')
    .description('Follow what changes, one line for each message; -o json: one JSON object on each line.')
    .option(
      '--decisions',
      'what flags are worth to somebody; the default if there is a --key, --attr or --context',
    )
    .option('--definitions', 'the flags themselves; the default otherwise')
    .option('--key <key>', 'the targeting key')
    .option('--attr <name=value>', 'an attribute; JSON, or plain text (repeatable)', collect)
    .option('--context <path>', 'a targeting key and attributes as JSON or YAML (- for standard input)')
    .option('--no-reconnect', 'end when the connection does')
    .action(async (keys: string[], options: WatchOptions) => {
      const ofSomebody = [options.key, options.attr, options.context].some((option) => option !== undefined);
      const decisions = options.decisions ?? (ofSomebody && !options.definitions);
      if (options.definitions && (decisions || ofSomebody)) {
        throw new UsageError(
          '--definitions are the same for everybody: leave out --decisions, --key and the like',
        );
      }
      const session = await open(command);
      if (session.print.format === 'yaml') throw new UsageError('watch prints table or json');
      const file =
        options.context === undefined ? undefined : await readDocument(options.context, session.io);
      const request = {
        view: decisions ? decisionsView(parseContext(options, file)) : definitionsView,
        flagKeys: keys.map(keyOf),
        environment: await environmentFor(session),
      };
      await follow(session, request, options.reconnect ?? true);
    });
}

const definitionsView = { case: 'definitions', value: {} } as const;

function decisionsView(context: Context) {
  return { case: 'decisions', value: { context } } as const;
}

/** Prints until the user stops it, coming back after the last message whenever the connection ends. */
async function follow(session: Session, request: WatchRequest, reconnect: boolean): Promise<void> {
  const { signal } = session.io;
  let resumeToken = '';
  let retryMs = firstRetryMs;
  let isConnected = false;
  while (!signal.aborted) {
    try {
      const messages = session.stream(EvaluationService.method.watchFlags, { ...request, resumeToken });
      for await (const message of messages) {
        printMessage(session, message);
        resumeToken = tokenOf(message) || resumeToken;
        retryMs = message.message.case === 'goodbye' ? message.message.value.retryAfterMs : firstRetryMs;
        isConnected = true;
      }
    } catch (error) {
      if (signal.aborted) return;
      const passes = error instanceof ConnectError && error.code === Code.Unavailable;
      if (!passes || !reconnect || !isConnected) throw error;
    }
    if (!reconnect) return;
    session.print.note(`connection ended, trying again in ${retryMs} ms`);
    await wait(retryMs * (0.5 + Math.random()), undefined, { signal }).catch(() => undefined);
    retryMs = Math.min(Math.max(retryMs, firstRetryMs) * 2, longestRetryMs);
  }
}

function printMessage({ print }: Session, message: WatchFlagsResponse): void {
  if (print.format === 'table') print.text(watchLine(message));
  else print.jsonLine(toJson(WatchFlagsResponseSchema, message));
}

function tokenOf({ message }: WatchFlagsResponse): string {
  const { value } = message;
  return value !== undefined && 'resumeToken' in value ? value.resumeToken : '';
}
