import { createHash } from 'node:crypto';
import { FlagError } from '../../core/errors.ts';

/** The subjects of one fleet. None can hold a wildcard, a space or the end of a line, whatever a project is called. */
export interface Subjects {
  /** Of every project's changes: to subscribe to. */
  readonly anyChange: string;
  changesOf(project: string): string;
  readonly fleet: string;
  /** Of what was recorded; a stream keeps it. */
  readonly exposures: string;
  /** What that stream is called. */
  readonly exposureStream: string;
}

const PREFIX = /^[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,7}$/;
const PLAIN_KEY = /^[a-z0-9_-]{1,64}$/;

/** Throws `invalid` for a prefix that is not letters, digits, `_` and `-`, in parts between dots. */
export function subjectsOf(prefix: string): Subjects {
  if (!PREFIX.test(prefix))
    throw new FlagError('invalid', 'a NATS prefix must be letters, digits, _ and -, in parts between dots', {
      reason: 'NATS_PREFIX',
    });
  return {
    anyChange: `${prefix}.changes.*`,
    changesOf: (project) => `${prefix}.changes.${tokenOf(project)}`,
    fleet: `${prefix}.fleet`,
    exposures: `${prefix}.exposures`,
    // No prefix has an equals sign, and no name of a stream a dot.
    exposureStream: `${prefix.replaceAll('.', '=')}=exposures`,
  };
}

/** No plain key begins with an equals sign. */
function tokenOf(project: string): string {
  return PLAIN_KEY.test(project) ? project : `=${createHash('sha256').update(project).digest('hex')}`;
}
