import type { Violation } from './errors.ts';
import type { Limits } from './limits.ts';
import type { Json } from './model.ts';
import { isWeight } from './ramp.ts';
import { parseInstant } from './time.ts';
import { utf8Length } from './utf8.ts';

/** Notes a violation; the one of a limit names it. */
export type Report = (path: string, message: string, limit?: keyof Limits) => void;

const KEY = /^[a-z0-9][a-z0-9-]{0,62}$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused.
const LABEL = /^[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]{0,126}[^\s\x00-\x1f\x7f])?$/u;
const MAX_JSON_DEPTH = 64;

/** What the check reported, in that order. */
export function violationsOf(check: (report: Report) => void): Violation[] {
  const violations: Violation[] = [];
  check((path, message, limit) => {
    violations.push(limit === undefined ? { path, message } : { path, message, limit });
  });
  return violations;
}

/** A path below another one; the outermost path is empty. */
export function under(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

/** The key of a project, environment, flag, segment or release: up to 63 lowercase letters, digits and hyphens. */
export function checkKey(key: string, path: string, report: Report): void {
  if (!KEY.test(key)) {
    report(path, 'must be 1 to 63 lowercase letters, digits and hyphens, and not start with a hyphen');
  }
}

/** What variations and rules are called by: up to 128 characters on one line, without space around them. */
export function checkLabel(label: string, path: string, report: Report): void {
  if (!LABEL.test(label) || !label.isWellFormed()) {
    report(path, 'must be 1 to 128 characters on one line without space around them');
  }
}

/** Any text that can be stored and sent as it is. */
export function checkText(text: string, path: string, limits: Limits, report: Report): void {
  if (text.length > limits.stringLength) {
    report(path, `must be at most ${limits.stringLength} characters`, 'stringLength');
  } else if (!isStorable(text)) {
    report(path, 'must be well-formed Unicode without NUL');
  }
}

/** Several of something, up to a limit. */
export function checkCount(
  count: number,
  limit: keyof Limits,
  path: string,
  limits: Limits,
  report: Report,
): void {
  if (count > limits[limit]) report(path, `must be at most ${limits[limit]}, not ${count}`, limit);
}

/** Reports every value that was there before. */
export function checkUnique(
  values: readonly string[],
  pathOf: (index: number) => string,
  report: Report,
): void {
  const seen = new Set<string>();
  for (const [index, value] of values.entries()) {
    if (seen.has(value)) report(pathOf(index), `${JSON.stringify(value)} is there twice`);
    seen.add(value);
  }
}

export function checkWeight(weight: number, path: string, report: Report): void {
  if (!isWeight(weight)) report(path, 'must be a whole number from 0 to 100000');
}

/** The instant in epoch milliseconds, or undefined once it is reported. */
export function checkInstant(instant: string, path: string, report: Report): number | undefined {
  const ms = parseInstant(instant);
  if (ms === undefined) report(path, 'must be a time in UTC with milliseconds');
  return ms;
}

/** A JSON value whose numbers are finite, whose texts can be stored and that is not nested without end. */
export function checkJson(value: Json, path: string, report: Report, depth = 0): void {
  if (depth > MAX_JSON_DEPTH) {
    report(path, `must not be nested deeper than ${MAX_JSON_DEPTH}`);
  } else if (typeof value === 'number') {
    if (!Number.isFinite(value)) report(path, 'must be finite');
  } else if (typeof value === 'string') {
    if (!isStorable(value)) report(path, 'must be well-formed Unicode without NUL');
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, part] of Object.entries(value)) {
      const isElement = Array.isArray(value);
      if (!isStorable(name)) report(path, 'must have well-formed Unicode without NUL as names');
      checkJson(part, isElement ? `${path}[${name}]` : `${path}.${name}`, report, depth + 1);
    }
  }
}

/** The size of a value as JSON, in bytes. */
export function jsonBytes(value: Json): number {
  return utf8Length(JSON.stringify(value));
}

function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}
