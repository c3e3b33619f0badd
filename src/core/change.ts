import type {
  AccessKey,
  Environment,
  Flag,
  FlagSettings,
  Instant,
  Project,
  Release,
  Segment,
} from './model.ts';

/** An object as a change leaves it. Settings belong to an environment, everything else to the project. */
export type ObjectState =
  | { readonly kind: 'project'; readonly state: Project }
  | { readonly kind: 'environment'; readonly state: Environment }
  | { readonly kind: 'flag'; readonly state: Flag }
  | { readonly kind: 'settings'; readonly environment: string; readonly state: FlagSettings }
  | { readonly kind: 'segment'; readonly state: Segment }
  | { readonly kind: 'release'; readonly state: Release }
  | { readonly kind: 'key'; readonly state: AccessKey };

export type ObjectKind = ObjectState['kind'];

/** Which object: unique within a project. `environment` is empty except for settings. */
export interface ObjectId {
  readonly kind: ObjectKind;
  readonly environment: string;
  readonly key: string;
}

/** What a change does to one object: gives it this whole new state, or deletes it. */
export type Operation =
  | { readonly op: 'put'; readonly object: ObjectState }
  | { readonly op: 'delete'; readonly id: ObjectId };

/**
 * One entry of a project's log: the commit, the audit record and what replicas read, all in one. `hash` covers
 * every other field, `previousHash` included, so that no entry can be altered, dropped or moved unnoticed.
 */
export interface Change {
  /** Of this shape. A reader refuses one that it does not know. */
  readonly format: 1;
  readonly project: string;
  readonly revision: number;
  /** Such as `flag.halt`. */
  readonly action: string;
  /** The key that asked for it (`key:…`), or the part of the service that did it (`schedule`). */
  readonly actor: string;
  readonly reason: string;
  /** Never before the previous change's. */
  readonly time: Instant;
  readonly idempotencyKey: string;
  /** Of what was asked for, to tell a repeated call from another one with the same key. */
  readonly requestDigest: string;
  readonly operations: readonly Operation[];
  /**
   * Only in a change by which an operator takes this log, as it is, for the truth although replicas knew another: how far
   * that other history had got.
   */
  readonly abandons?: number;
  /** Hexadecimal; empty for the first. */
  readonly previousHash: string;
  readonly hash: string;
}

export interface Head {
  readonly project: string;
  readonly revision: number;
  readonly hash: string;
}

export function idOf(object: ObjectState): ObjectId {
  switch (object.kind) {
    case 'settings':
      return { kind: 'settings', environment: object.environment, key: object.state.flag };
    case 'key':
      return { kind: 'key', environment: '', key: object.state.id };
    default:
      return { kind: object.kind, environment: '', key: object.state.key };
  }
}

/** One string per object id: for maps. Neither part can hold a slash. */
export function idString(id: ObjectId): string {
  return `${id.kind}/${id.environment}/${id.key}`;
}
