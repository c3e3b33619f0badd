import type { JsonObject } from './model.ts';

/**
 * Whom a flag is evaluated for. `attributes` is only ever read through own properties, so `__proto__` and
 * `constructor` are names like any other; nobody may change it while it is in use.
 */
export interface Context {
  readonly targetingKey: string;
  readonly attributes: JsonObject;
}

export const EMPTY_CONTEXT: Context = Object.freeze({ targetingKey: '', attributes: Object.freeze({}) });
