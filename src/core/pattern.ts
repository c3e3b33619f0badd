import { RE2JS } from 're2js';

/** Anchors around a text in which nothing else has a meaning of its own. */
const LITERAL = /^(\^?)((?:[\w \-@/:;,=&%#!~<>"']|\\[.\-+*?()|[\]{}^$\\/@])*)(\$?)$/;

/** Compiling takes time in proportion. Nobody writes such a pattern, but somebody may put one into a database. */
const LONGEST = 100_000;

/**
 * A pattern in RE2 syntax as an unanchored match in linear time. Throws for a pattern that RE2 refuses, such as one
 * with a lookahead or a backreference, and for one that is longer than any limit should be.
 */
export function compilePattern(pattern: string): (text: string) => boolean {
  if (pattern.length > LONGEST) throw new Error(`a pattern has at most ${LONGEST} characters`);
  const compiled = RE2JS.compile(pattern);
  return literalMatch(pattern) ?? ((text) => compiled.test(text));
}

/** What most patterns are, at a fraction of the time: a text, its beginning, its end or a part of it. */
function literalMatch(pattern: string): ((text: string) => boolean) | undefined {
  const match = LITERAL.exec(pattern);
  if (match === null) return undefined;
  const [, start = '', body = '', end = ''] = match;
  const literal = body.replaceAll(/\\(.)/g, '$1');
  if (start !== '' && end !== '') return (text) => text === literal;
  if (start !== '') return (text) => text.startsWith(literal);
  return end === '' ? (text) => text.includes(literal) : (text) => text.endsWith(literal);
}
