import { styleText } from 'node:util';
import type { JsonValue } from '@bufbuild/protobuf';
import type { Io } from './io.ts';
import type { GlobalOptions } from './settings.ts';
import { UsageError } from './usage-error.ts';
import { printable } from './view/table.ts';

export type OutputFormat = 'table' | 'json' | 'yaml';

export type Paint = (style: 'green' | 'red' | 'yellow' | 'dim' | 'bold', text: string) => string;

/** Answers go to standard output, in the format that was asked for; everything else to standard error. */
export interface Printer {
  readonly format: OutputFormat;
  readonly quiet: boolean;
  /** Colours text for standard output, if it takes colours. */
  readonly paint: Paint;
  /** Standard output, for people. */
  text(text: string): void;
  /** Standard output, for programs: JSON or YAML. */
  data(value: JsonValue): Promise<void>;
  /** Standard output: JSON on one line. */
  jsonLine(value: JsonValue): void;
  /** Standard error, unless quiet. */
  note(text: string): void;
  /** Standard error. */
  warn(text: string): void;
  fail(text: string, ...more: readonly string[]): void;
}

export function createPrinter(io: Io, options: GlobalOptions): Printer {
  const format = options.json === true ? 'json' : parseFormat(options.output ?? 'table');
  const quiet = options.quiet === true;
  const painter =
    (stream: NodeJS.WritableStream): Paint =>
    (style, text) =>
      options.color === false ? text : styleText(style, text, { stream });
  const paintError = painter(io.stderr);
  const say = (text: string) => io.stderr.write(`${text}\n`);
  return {
    format,
    quiet,
    paint: painter(io.stdout),
    text: (text) => void io.stdout.write(`${text}\n`),
    data: async (value) => {
      if (format !== 'yaml') io.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
      else {
        const { stringify } = await import('yaml');
        io.stdout.write(stringify(value));
      }
    },
    jsonLine: (value) => void io.stdout.write(`${JSON.stringify(value)}\n`),
    note: (text) => {
      if (!quiet) say(printable(text));
    },
    warn: (text) => void say(`${paintError('yellow', 'warning:')} ${printable(text)}`),
    fail: (text, ...more) => {
      say(`${paintError('red', 'error:')} ${printable(text)}`);
      for (const line of more) say(`  ${printable(line)}`);
    },
  };
}

function parseFormat(text: string): OutputFormat {
  if (text === 'table' || text === 'json' || text === 'yaml') return text;
  throw new UsageError(`"${text}" is not one of table, json, yaml`);
}
