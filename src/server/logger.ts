import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino';
import type { LogLevel } from './config.ts';

export type { Logger } from 'pino';

const SECRET_FIELDS = ['authorization', 'x-api-key', 'cookie', 'token', 'secret', 'password'];
/** DEL, C1 controls, line separators and direction marks: JSON may hold them, a terminal should not. */
const UNSAFE = /[\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/**
 * Writes one line of JSON per message, to stdout unless told otherwise: level as a word, time in ISO 8601. Secrets
 * in fields of the usual names, up to two levels down, are left out; control characters are escaped.
 */
export function createLogger(level: LogLevel, out: DestinationStream = destination(1)): Logger {
  return pino(
    {
      level,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_FIELDS.flatMap(pathsOf), censor: '[redacted]' },
    },
    { write: (line) => out.write(line.replace(UNSAFE, escaped)) },
  );
}

function pathsOf(field: string): string[] {
  const quoted = `["${field}"]`;
  return [quoted, `*${quoted}`, `*.*${quoted}`];
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
