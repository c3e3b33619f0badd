import type { ObjectId } from '../../core/change.ts';

const LISTED = 10;

/** Objects for a sentence, such as `flag checkout in production, segment beta and 3 more`. */
export function inWords(ids: readonly ObjectId[]): string {
  const listed = ids.slice(0, LISTED).map(nameOf).join(', ');
  return ids.length > LISTED ? `${listed} and ${ids.length - LISTED} more` : listed;
}

function nameOf({ kind, environment, key }: ObjectId): string {
  return kind === 'settings' ? `flag ${key} in ${environment}` : `${kind} ${key}`;
}
