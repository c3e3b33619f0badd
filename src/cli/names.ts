import { UsageError } from './usage-error.ts';

/** What belongs to a project. Settings, which belong to an environment, have a function of their own. */
export type Collection = 'environments' | 'flags' | 'segments' | 'releases' | 'keys' | 'revisions';

/** The last part of a resource name: `checkout` of `projects/shop/flags/checkout`. */
export function keyOf(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}

/** `projects/shop` of anything in it; `undefined` for a short key. */
export function projectOf(name: string): string | undefined {
  return /^projects\/[^/]+/.exec(name)?.[0];
}

/** `projects/shop/environments/production` of anything in it. */
export function environmentOf(name: string): string | undefined {
  return /^projects\/[^/]+\/environments\/[^/]+/.exec(name)?.[0];
}

/** True for a full resource name, false for a short key. Throws a UsageError for anything else with a slash. */
export function isFullName(text: string, collection: Collection | 'projects' | 'settings'): boolean {
  if (text === '') throw new UsageError('a key cannot be empty');
  if (!text.includes('/')) return false;
  if (patternOf(collection).test(text)) return true;
  throw new UsageError(`"${text}" is neither a key nor a name in ${collection}`);
}

function patternOf(collection: Collection | 'projects' | 'settings'): RegExp {
  switch (collection) {
    case 'projects':
      return /^projects\/[^/]+$/;
    case 'settings':
      return /^projects\/[^/]+\/environments\/[^/]+\/flags\/[^/]+$/;
    case 'keys':
      return /^(projects\/[^/]+\/)?keys\/[^/]+$/;
    default:
      return new RegExp(`^projects/[^/]+/${collection}/[^/]+$`);
  }
}
