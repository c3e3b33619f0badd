import type { WithId } from 'mongodb';
import { canonicalJson } from '../../core/canonical-json.ts';
import { idOf, type ObjectId, type ObjectKind } from '../../core/change.ts';
import type { StoredObject } from '../../ports/projection.ts';
import { readable } from './readable.ts';

/** The format of objects' documents. */
const FORMAT = 1;

/** Beyond this there is no readable copy: the document has to stay within 16 MiB. */
const MAX_READABLE_CHARACTERS = 1_000_000;

/** The collection of each kind of object. */
export const COLLECTIONS: Readonly<Record<ObjectKind, string>> = {
  project: 'projects',
  environment: 'environments',
  flag: 'flags',
  settings: 'flag_settings',
  segment: 'segments',
  release: 'releases',
  key: 'access_keys',
};

export const KINDS = Object.keys(COLLECTIONS).filter((kind): kind is ObjectKind => kind in COLLECTIONS);

/** An object as it is kept: `json` is all of it, and `version` the revision that last changed it. */
export interface Row extends ObjectId {
  readonly version: number;
  readonly json: string;
}

/** What a document held before the generation that wrote it. */
interface Former {
  readonly generation: number;
  readonly version: number;
  readonly json: string;
}

/**
 * An object in its collection. Until `generation` is the project's, it counts as `was` says; null is that it was not
 * there. So a generation that was not finished has changed nothing. `definition` is a copy for people.
 */
export interface ObjectDocument {
  readonly format: number;
  readonly project: string;
  readonly environment: string;
  readonly key: string;
  readonly version: number;
  readonly definition?: unknown;
  readonly json: string;
  readonly generation: number;
  readonly deleted?: true;
  readonly was?: Former | null;
}

/** A row and the document that holds it, if there is one. */
export interface Held {
  readonly row: Row | undefined;
  readonly document: WithId<ObjectDocument>;
}

export function rowOf({ object, version }: StoredObject): Row {
  return { ...idOf(object), version, json: canonicalJson(object) };
}

/** The document of a row that comes in place of what `held` holds. */
export function documentOf(project: string, row: Row, generation: number, held?: Held): ObjectDocument {
  const { environment, key, version, json } = row;
  return {
    ...{ format: FORMAT, project, environment, key, version, ...definitionIn(json), json },
    ...{ generation, was: formerOf(held) },
  };
}

/** The document of a row that is gone, until it may go too. */
export function tombstoneOf(held: Held, generation: number): ObjectDocument {
  const { format, project, environment, key, version } = held.document;
  return {
    ...{ format, project, environment, key, version, json: '' },
    ...{ generation, deleted: true, was: formerOf(held) },
  };
}

/** The document as it was before a generation that was not finished; undefined if there was none. */
export function restored({ was, ...document }: ObjectDocument): ObjectDocument | undefined {
  if (was === undefined || was === null) return undefined;
  const { format, project, environment, key } = document;
  const { version, json, generation } = was;
  return { format, project, environment, key, version, ...definitionIn(json), json, generation };
}

/** The row that a document holds for whoever stands at that generation. */
export function rowIn(kind: ObjectKind, document: ObjectDocument, generation: number): Row | undefined {
  const { environment, key } = document;
  const held = document.generation > generation ? document.was : document.deleted ? null : document;
  return held ? { kind, environment, key, version: held.version, json: held.json } : undefined;
}

function definitionIn(json: string): { readonly definition?: unknown } {
  return json.length > MAX_READABLE_CHARACTERS ? {} : { definition: readable(JSON.parse(json).state) };
}

function formerOf(held: Held | undefined): Former | null {
  if (held?.row === undefined) return null;
  return { generation: held.document.generation, version: held.row.version, json: held.row.json };
}
