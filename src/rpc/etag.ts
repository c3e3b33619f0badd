import { invalid } from '../core/errors.ts';

const ETAG = /^"(0|[1-9][0-9]{0,15})"$/;

/** The etag of an object at a version: the version in double quotes. */
export function etagOf(version: number): string {
  return `"${version}"`;
}

/** The version that an etag stands for; undefined for an empty one. Throws `invalid` about `field` for any other text. */
export function versionOf(etag: string, field: string): number | undefined {
  if (etag === '') return undefined;
  const version = ETAG.exec(etag)?.[1];
  if (version === undefined)
    throw invalid([{ path: field, message: 'is not an etag that this service gave out' }]);
  return Number(version);
}
