import { timingSafeEqual } from 'node:crypto';
import { FlagError } from '../core/errors.ts';
import type { AccessKey } from '../core/model.ts';
import type { Clock } from '../ports/clock.ts';
import { Alarm } from './alarm.ts';
import type { Catalog } from './catalog.ts';
import { hashSecret, keyIdIn, type ParsedToken, parseToken } from './key-token.ts';
import { LateKeys } from './late-keys.ts';
import { type Principal, SYSTEM } from './principal.ts';

/** A key, and what is asked of it at every call, ready made. */
interface KnownKey {
  readonly key: AccessKey;
  readonly secretHash: Buffer;
  readonly principal: Principal;
  /**
   * The token that was found to be that of this key; hashing it again at every call would take longer than evaluating a
   * flag. It goes with this object, which every change of the key replaces, and there is one for each key at most,
   * whatever callers present. It is as secret as the calls that this process receives it with, and never leaves it.
   */
  verified: Buffer | undefined;
}

/** Where a token that is presented is put to be compared. One that is longer is none. */
const presentedToken = Buffer.alloc(256);

/** Knows every key of every project, and says who presents which. */
export class Access implements Disposable {
  readonly #byId = new Map<string, KnownKey>();
  readonly #clock: Clock;
  readonly #pepper: string;
  readonly #subscription: Disposable;
  readonly #alarm: Alarm;
  readonly #late: LateKeys;
  /** By key id, whoever wants to know when the key is worth nothing any more. */
  readonly #listeners = new Map<string, Set<() => void>>();

  constructor(catalog: Catalog, clock: Clock, pepper: string) {
    this.#clock = clock;
    this.#pepper = pepper;
    this.#alarm = new Alarm(clock);
    this.#late = new LateKeys(catalog, clock);
    for (const state of catalog.everyState())
      for (const { state: key } of state.keys.values()) this.#byId.set(key.id, known(state.key, key));
    this.#subscription = catalog.subscribe(({ project, before, after }) => {
      if (before.keys === after.keys) return;
      for (const id of before.keys.keys()) if (!after.keys.has(id)) this.#byId.delete(id);
      for (const { state: key } of after.keys.values()) this.#byId.set(key.id, known(project, key));
      for (const [id, listeners] of this.#listeners)
        if (!this.#isValid(id)) for (const listener of listeners) listener();
    });
  }

  /**
   * The principal behind a token. Rejects with `unauthenticated`, always in the same words, for a token that is
   * malformed, unknown, wrong, revoked or expired. A promise only for a key that is not known here, which may have been
   * made elsewhere: then the log is asked first, and if that cannot say, it rejects with `unavailable`.
   */
  authenticate(token: string): Principal | Promise<Principal> {
    const recent = this.#byId.get(keyIdIn(token));
    if (recent?.verified !== undefined && isSameToken(recent.verified, token)) {
      if (!this.#isGood(recent)) throw keyInvalid();
      return recent.principal;
    }
    const parsed = parseToken(token);
    if (parsed === undefined) throw keyInvalid();
    const found = this.#byId.get(parsed.id);
    if (found === undefined) return this.#late.find(parsed.id).then(() => this.#known(parsed, token));
    return this.#known(parsed, token);
  }

  #known(parsed: ParsedToken, token: string): Principal {
    const found = this.#byId.get(parsed.id);
    if (found === undefined || found.key.kind !== parsed.kind) throw keyInvalid();
    const { principal, secretHash } = found;
    const presented = Buffer.from(hashSecret(this.#pepper, parsed.secret), 'hex');
    if (presented.length !== secretHash.length || !timingSafeEqual(presented, secretHash)) throw keyInvalid();
    found.verified = Buffer.from(token);
    this.check(principal);
    return principal;
  }

  /** Rejects with `unauthenticated` once the key behind a principal is revoked, expired or gone. */
  check(principal: Principal): void {
    if (!this.isValid(principal)) throw keyInvalid();
  }

  isValid(principal: Principal): boolean {
    return this.#isValid(principal.keyId);
  }

  /** Calls `listener` when the key behind a principal is revoked, expires or goes, unless disposed first. */
  onInvalid({ keyId, expiresAt }: Principal, listener: () => void): Disposable {
    const listeners = this.#listeners.get(keyId) ?? new Set();
    this.#listeners.set(keyId, listeners.add(listener));
    const expiry = expiresAt === Number.POSITIVE_INFINITY ? undefined : this.#alarm.at(expiresAt, listener);
    return {
      [Symbol.dispose]: () => {
        expiry?.[Symbol.dispose]();
        listeners.delete(listener);
        if (listeners.size === 0) this.#listeners.delete(keyId);
      },
    };
  }

  #isValid(keyId: string): boolean {
    const found = this.#byId.get(keyId);
    return found !== undefined && this.#isGood(found);
  }

  #isGood({ key, principal: { expiresAt } }: KnownKey): boolean {
    if (key.revokedAt !== undefined) return false;
    return expiresAt === Number.POSITIVE_INFINITY || this.#clock.now() < expiresAt;
  }

  /** Whether any web key may be used from this origin: what a browser's preflight, which carries no key, is told. */
  allowsOrigin(origin: string): boolean {
    for (const { key } of this.#byId.values())
      if (key.kind === 'web' && key.revokedAt === undefined && originAllowed(key.allowedOrigins, origin))
        return true;
    return false;
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
    this.#alarm[Symbol.dispose]();
  }
}

/** Whether an origin is on a web key's list. `null`, which sandboxed pages send, never is. */
export function originAllowed(allowed: readonly string[], origin: string): boolean {
  return origin !== 'null' && (allowed.includes('*') || allowed.includes(origin));
}

function known(project: string, key: AccessKey): KnownKey {
  const principal: Principal = {
    keyId: key.id,
    kind: key.kind,
    project,
    environment: key.environment,
    scopes: key.scopes,
    allowedOrigins: key.allowedOrigins,
    expiresAt: key.expiresAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(key.expiresAt),
  };
  return { key, principal, secretHash: Buffer.from(key.secretHash, 'hex'), verified: undefined };
}

/** Looks at every byte, so that how long it takes tells nothing about where the first difference is. */
function isSameToken(known: Buffer, token: string): boolean {
  if (presentedToken.write(token) !== known.length) return false;
  let differences = 0;
  for (let index = 0; index < known.length; index++)
    differences |= (known[index] ?? 0) ^ (presentedToken[index] ?? 0);
  return differences === 0;
}

/** What whoever presents a key that is worth nothing is told: always the same. */
export function keyInvalid(): FlagError {
  return new FlagError('unauthenticated', 'a valid key is needed: authorization: Bearer vx_…', {
    reason: 'KEY_INVALID',
  });
}

/** Whether a principal's key reaches into a project. */
export function reaches(principal: Principal, project: string): boolean {
  return principal.project === SYSTEM || principal.project === project;
}
