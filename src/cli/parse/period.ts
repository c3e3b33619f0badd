import { type Timestamp, timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { Command } from 'commander';
import { parseTime } from './time.ts';

export interface PeriodOptions {
  readonly since?: string;
  readonly until?: string;
}

/** The options of every command that is about a period. `usual` says how long it is without them. */
export function ofPeriod(command: Command, usual: string): Command {
  return command
    .option('--since <time>', `such as 6h, 2d or 2026-12-01; default: ${usual}`)
    .option('--until <time>', 'default: now');
}

/** The fields of a request. */
export function parsePeriod({ since, until }: PeriodOptions): { startTime?: Timestamp; endTime?: Timestamp } {
  const parse = (text: string) => timestampFromDate(parseTime(text, new Date(), 'past'));
  return {
    ...(since !== undefined && { startTime: parse(since) }),
    ...(until !== undefined && { endTime: parse(until) }),
  };
}
