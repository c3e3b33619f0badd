import { createContextKey, type HandlerContext } from '@connectrpc/connect';
import type { Principal } from '../app/principal.ts';
import { FlagError } from '../core/errors.ts';

/** Where the interceptor that authenticates leaves the caller for the services. */
export const principalKey = createContextKey<Principal | undefined>(undefined, { description: 'principal' });

/** Where the HTTP adapter leaves the address at the other end of the connection. */
export const addressKey = createContextKey<string>('', { description: 'address' });

/** Who is calling. Throws `unauthenticated` if nothing established that. */
export function principalOf(context: HandlerContext): Principal {
  const principal = context.values.get(principalKey);
  if (principal === undefined) throw new FlagError('unauthenticated', 'no key was presented');
  return principal;
}
