import type { KeyKind, Scope } from '../core/model.ts';

/** The reserved log that holds the keys to the whole instance. No project can have this key. */
export const SYSTEM = '_system';

/** Who is calling, as far as their key says. */
export interface Principal {
  readonly keyId: string;
  readonly kind: KeyKind;
  /** The project that the key belongs to; `SYSTEM` for a key to the whole instance. */
  readonly project: string;
  /** For server and web keys. */
  readonly environment: string | undefined;
  /** For admin keys; empty for the others. */
  readonly scopes: readonly Scope[];
  readonly allowedOrigins: readonly string[];
  /** Epoch milliseconds; Infinity if it never expires. */
  readonly expiresAt: number;
}

/** How the log names whoever made a change. */
export function actorOf(principal: Principal): string {
  return `key:${principal.keyId}`;
}
