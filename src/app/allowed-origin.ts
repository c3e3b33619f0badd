const SHAPE = /^[a-z][a-z0-9+.-]{0,30}:\/\/(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?$/;
const MAX_LENGTH = 300;

/**
 * What is wrong with an entry of a web key's list of origins, or undefined. Besides `*`, only what a browser could
 * send in an `Origin` header is right: a scheme, a host in lowercase and a port unless it is the scheme's own.
 */
export function originProblem(origin: string): string | undefined {
  if (origin === '*') return undefined;
  if (origin.length > MAX_LENGTH || !SHAPE.test(origin))
    return 'must be an origin such as https://shop.example or http://localhost:3000, or *';
  if (!/^https?:/.test(origin)) return undefined;
  const canonical = URL.canParse(origin) ? new URL(origin).origin : undefined;
  if (canonical === origin) return undefined;
  return canonical === undefined
    ? 'is not a valid origin'
    : `is never sent by a browser, which says ${canonical}`;
}
