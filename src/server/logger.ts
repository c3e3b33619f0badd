import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino';
import { FlagError } from '../core/errors.ts';
import type { LogLevel } from './config.ts';

export type { Logger } from 'pino';

const SECRET_FIELDS = ['authorization', 'x-api-key', 'cookie', 'token', 'secret', 'password'];
const DEEPEST_CAUSE = 4;
/** DEL, C1 controls, line separators and direction marks: JSON may hold them, a terminal should not. */
const UNSAFE = /[\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/**
 * Writes one line of JSON per message, to stdout unless told otherwise: level as a word, time in ISO 8601. Secrets
 * in fields of the usual names, up to two levels down, are left out; control characters are escaped. An `err` is
 * written with its stack, an `error`, which is lived with, in a few words.
 */
export function createLogger(level: LogLevel, out: DestinationStream = destination(1)): Logger {
  return pino(
    {
      level,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: (error: unknown) => briefly(error) },
      redact: { paths: SECRET_FIELDS.flatMap(pathsOf), censor: '[redacted]' },
    },
    { write: (line) => out.write(line.replace(UNSAFE, escaped)) },
  );
}

/** Mistakes of ours, of which nobody knows where they are without the stack. */
const MISTAKES = [TypeError, RangeError, ReferenceError, SyntaxError];

function briefly(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, cause, stack } = error;
  const reason = error instanceof FlagError ? error.details.reason : 'code' in error ? error.code : undefined;
  return {
    ...{ name, reason, message },
    ...(cause !== undefined && depth < DEEPEST_CAUSE && { cause: briefly(cause, depth + 1) }),
    ...(MISTAKES.some((mistake) => error instanceof mistake) && { stack }),
  };
}

function pathsOf(field: string): string[] {
  const quoted = `["${field}"]`;
  return [quoted, `*${quoted}`, `*.*${quoted}`];
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
