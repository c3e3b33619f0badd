import { type Access, originAllowed } from '../app/access.ts';
import type { Admission } from '../app/admission.ts';
import type { Principal } from '../app/principal.ts';
import { FlagError } from '../core/errors.ts';

/** What a caller shows at the door, whatever carries the call. */
export interface Presented {
  /** Empty if there is none. */
  readonly token: string;
  readonly origin: string | null | undefined;
  /** The other end of the connection. Asked only of those who are refused. */
  readonly address: () => string;
}

/**
 * Who calls, for every way into this process. Throws, or rejects with, a FlagError for a key that is none, or that is
 * used too often or where it must not be. Whoever tries one wrong key after the other is told to wait. A promise only
 * for a key that is not known here and has to be looked for.
 */
export function admit(
  access: Access,
  admission: Admission,
  presented: Presented,
): Principal | Promise<Principal> {
  let principal: Principal | Promise<Principal>;
  try {
    principal = access.authenticate(presented.token);
  } catch (error) {
    throw counted(admission, error, presented);
  }
  if (principal instanceof Promise) return admitLate(admission, principal, presented);
  return admitKnown(admission, principal, presented);
}

async function admitLate(
  admission: Admission,
  looking: Promise<Principal>,
  presented: Presented,
): Promise<Principal> {
  const principal = await looking.catch((error: unknown) => {
    throw counted(admission, error, presented);
  });
  return admitKnown(admission, principal, presented);
}

function admitKnown(admission: Admission, principal: Principal, { origin }: Presented): Principal {
  admission.call(principal.keyId);
  checkOrigin(principal, origin);
  return principal;
}

/** The same error, once whoever presents a wrong key has been counted. */
function counted(admission: Admission, error: unknown, { address }: Presented): unknown {
  if (!(error instanceof FlagError) || error.kind === 'unauthenticated') admission.refused(address());
  return error;
}

const USUAL = 'Bearer vx_';
const BEARER = /^Bearer +([\x21-\x2b\x2d-\x7e]+)$/i;

/** The token in `authorization: Bearer …` or `x-api-key: …`; empty if there is none, or one in each. */
export function tokenIn(authorization: string | null | undefined, apiKey: string | null | undefined): string {
  const none = authorization === null || authorization === undefined;
  if (none) return apiKey ?? '';
  if (apiKey !== null && apiKey !== undefined) return '';
  // As it nearly always is. What is no token for another reason will be found to be none by whoever knows the keys.
  if (authorization.startsWith(USUAL)) return authorization.slice('Bearer '.length);
  return BEARER.exec(authorization)?.[1] ?? '';
}

/** Of some headers Node keeps the first and drops the others in silence; whose key is meant is not to be guessed. */
export function repeats(rawHeaders: readonly string[], name: string): boolean {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const each = rawHeaders[index] ?? '';
    if (each === name || (each.length === name.length && each.toLowerCase() === name)) count++;
  }
  return count > 1;
}

/** A browser says where a page is from. Secret keys have no business there. */
function checkOrigin(principal: Principal, origin: string | null | undefined): void {
  if (origin === null || origin === undefined) return;
  if (principal.kind !== 'web')
    throw new FlagError(
      'forbidden',
      `a ${principal.kind} key must not be used from a browser; make a web key`,
      {
        reason: 'SECRET_KEY_IN_BROWSER',
      },
    );
  if (!originAllowed(principal.allowedOrigins, origin))
    throw new FlagError('forbidden', 'this key may not be used from this origin', {
      reason: 'ORIGIN_NOT_ALLOWED',
    });
}
