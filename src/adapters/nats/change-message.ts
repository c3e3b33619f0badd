import type { Change } from '../../core/change.ts';
import { changeText, readChange } from '../../core/change-text.ts';
import type { ChangeNotice } from '../../ports/change-bus.ts';

/** A change of more characters is left out: whoever needs it reads the log. */
const LARGEST_INLINE = 65_536;

/** A notice as bytes: a line about it, and then its change as the log has it, if that is small. */
export function encodeNotice({ project, revision, hash, change }: ChangeNotice): Uint8Array {
  const head = JSON.stringify({ project, revision, hash });
  const text = change === undefined ? '' : changeText(change);
  return Buffer.from(text !== '' && text.length <= LARGEST_INLINE ? `${head}\n${text}` : head);
}

/**
 * The notice in a message; undefined if there is none. A change that is not the one that is announced, or of a shape
 * that is not known, is left out.
 */
export function decodeNotice(body: Uint8Array): ChangeNotice | undefined {
  const text = textOf(body);
  const [head = ''] = text.split('\n', 1);
  const { project, revision, hash } = fieldsOf(head);
  if (typeof project !== 'string' || typeof hash !== 'string') return undefined;
  if (typeof revision !== 'number' || !Number.isSafeInteger(revision) || revision < 0) return undefined;
  const change = announced(text.slice(head.length + 1), project, revision);
  return { project, revision, hash, ...(change?.hash === hash && { change }) };
}

function announced(text: string, project: string, revision: number): Change | undefined {
  try {
    return text === '' ? undefined : readChange(text, project, revision);
  } catch {
    return undefined;
  }
}

function textOf(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    return '';
  }
}

function fieldsOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
