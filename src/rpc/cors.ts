import { cors } from '@connectrpc/connect';

/** Which web pages may read what this server answers. */
export interface CorsPolicy {
  /** `origin` is what a browser sent: `https://shop.example`, or `null`. Must not throw. */
  allows(origin: string): boolean;
}

const ALLOWED_HEADERS = [
  ...cors.allowedHeaders,
  'Authorization',
  'X-Api-Key',
  'Traceparent',
  'Tracestate',
].join(', ');
const EXPOSED_HEADERS = [...cors.exposedHeaders, 'Retry-After', 'ETag'].join(', ');
const MAX_AGE_SECONDS = 7_200;

/** Credentials are bearer tokens that a page holds itself, so cookies are never allowed along. */
export function corsHeaders(policy: CorsPolicy, origin: string | null): [string, string][] {
  if (origin === null) return [];
  const vary: [string, string] = ['vary', 'Origin'];
  if (!policy.allows(origin)) return [vary];
  return [vary, ['access-control-allow-origin', origin], ['access-control-expose-headers', EXPOSED_HEADERS]];
}

/** The status and headers for a browser that asks first: 204, or 403 for a page that is not let in. */
export function preflightAnswer(
  policy: CorsPolicy,
  origin: string | null,
): { status: number; header: Headers } {
  const header = new Headers({
    vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
  });
  if (origin === null || !policy.allows(origin)) return { status: 403, header };
  header.set('access-control-allow-origin', origin);
  header.set('access-control-allow-methods', cors.allowedMethods.join(', '));
  header.set('access-control-allow-headers', ALLOWED_HEADERS);
  header.set('access-control-max-age', String(MAX_AGE_SECONDS));
  return { status: 204, header };
}
