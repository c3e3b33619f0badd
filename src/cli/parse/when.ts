import { create, fromJson, type JsonValue } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import { type Condition, ConditionSchema, Operator } from '../../../gen/vexil/v1/definitions_pb.ts';
import { UsageError } from '../usage-error.ts';
import { parseEnum } from './enumeration.ts';
import { parseLoose } from './value.ts';

const symbols: ReadonlyMap<string, string> = new Map([
  ['=', 'eq'],
  ['==', 'eq'],
  ['!=', 'neq'],
  ['>', 'gt'],
  ['>=', 'gte'],
  ['<', 'lt'],
  ['<=', 'lte'],
]);

const typed: readonly Operator[] = [
  Operator.EQ,
  Operator.NEQ,
  Operator.IN,
  Operator.NOT_IN,
  Operator.GT,
  Operator.GTE,
  Operator.LT,
  Operator.LTE,
  Operator.BEFORE,
  Operator.AFTER,
];

export interface WhenOptions {
  /** Clauses such as `plan in pro,team`. */
  readonly when?: readonly string[];
  readonly segment?: readonly string[];
  readonly notSegment?: readonly string[];
}

/** All of the clauses and segments together; `undefined`, which is everybody, if there are none. */
export function parseCondition(options: WhenOptions): Condition | undefined {
  const conditions = [
    ...(options.when ?? []).map(parseClause),
    ...(options.segment ?? []).map((text) => segmentClause(text, false)),
    ...(options.notSegment ?? []).map((text) => segmentClause(text, true)),
  ];
  if (conditions.length <= 1) return conditions[0];
  return create(ConditionSchema, { kind: { case: 'all', value: { conditions } } });
}

/**
 * One clause: attribute, operator, values with commas between them. Values are typed as JSON is where the
 * operator compares by type (`age eq 42`, `code eq "42"`), and plain strings where it does not.
 */
export function parseClause(text: string): Condition {
  const match = /^\s*("[^"]*"|\S+)\s+(\S+)(?:\s+(.*?))?\s*$/s.exec(text);
  if (match === null) throw new UsageError(`"${text}" is not a clause such as plan in pro,team`);
  const [, attribute = '', word = '', rest = ''] = match;
  const operator = parseEnum(Operator, symbols.get(word) ?? word);
  const values = clauseValues(operator, rest);
  const unary = operator === Operator.EXISTS || operator === Operator.NOT_EXISTS;
  if (unary && values.length > 0) throw new UsageError(`"${text}": ${word} takes no value`);
  if (!unary && values.length === 0) throw new UsageError(`"${text}": ${word} needs a value`);
  const clause = {
    attribute: unquoted(attribute),
    operator,
    values: values.map((value) => fromJson(ValueSchema, value)),
  };
  return create(ConditionSchema, { kind: { case: 'clause', value: clause } });
}

function clauseValues(operator: Operator, text: string): JsonValue[] {
  if (text === '') return [];
  if (operator === Operator.MATCHES) return [unquoted(text)];
  return splitList(text).map((part) => (typed.includes(operator) ? parseLoose(part) : unquoted(part)));
}

function segmentClause(text: string, negate: boolean): Condition {
  const segments = splitList(text);
  return create(ConditionSchema, { kind: { case: 'segment', value: { segments, negate } } });
}

/** Splits at commas that are not inside double quotes. */
function splitList(text: string): string[] {
  const parts = text.match(/(?:"(?:[^"\\]|\\.)*"|[^,"])+/g) ?? [];
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}

function unquoted(text: string): string {
  const value = text.startsWith('"') ? parseLoose(text) : text;
  return typeof value === 'string' ? value : text;
}
