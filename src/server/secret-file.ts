import { readFileSync } from 'node:fs';
import type { Violation } from '../core/errors.ts';

/**
 * Replaces each `<secret>_FILE` by the contents of the file, without the line break at its end. What cannot be read,
 * is empty, or is given twice is added to `violations`.
 */
export function addSecretsFromFiles(
  variables: Readonly<Record<string, string>>,
  secrets: readonly string[],
  violations: Violation[],
): Record<string, string> {
  const result = { ...variables };
  for (const secret of secrets) {
    const fileVariable = `${secret}_FILE`;
    const path = result[fileVariable];
    if (path === undefined) continue;
    delete result[fileVariable];
    if (result[secret] !== undefined)
      violations.push({ path: fileVariable, message: `is given together with ${secret}` });
    const text = readSecret(path);
    if (text === undefined)
      violations.push({ path: fileVariable, message: `names a file that cannot be read` });
    else if (text === '') violations.push({ path: fileVariable, message: 'names an empty file' });
    else result[secret] = text;
  }
  return result;
}

function readSecret(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch {
    return undefined;
  }
}
