import { RE2JS } from 're2js';

/**
 * A pattern in RE2 syntax as an unanchored match in linear time. Throws for a pattern that RE2 refuses, such as one
 * with a lookahead or a backreference.
 */
export function compilePattern(pattern: string): (text: string) => boolean {
  const compiled = RE2JS.compile(pattern);
  return (text) => compiled.test(text);
}
