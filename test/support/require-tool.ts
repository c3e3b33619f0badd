import { existsSync } from 'node:fs';

/**
 * The path of a program that a test cannot do without: the first of these that exists. Where there is none, the tests
 * are to be skipped, and a line says so; with VEXIL_TEST_STRICT=1, as in CI, it throws instead.
 */
export function toolOrSkip(name: string, ...candidates: readonly string[]): string | undefined {
  const path = candidates.find((candidate) => existsSync(candidate));
  if (path !== undefined) return path;
  const missing = `${name} is not here (looked for ${candidates.join(', ')})`;
  if (process.env.VEXIL_TEST_STRICT === '1') throw new Error(missing);
  process.stderr.write(`\n*** SKIPPED: ${missing}. VEXIL_TEST_STRICT=1 makes this a failure. ***\n\n`);
  return undefined;
}
