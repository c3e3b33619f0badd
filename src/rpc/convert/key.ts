import { create } from '@bufbuild/protobuf';
import {
  type Key as KeyMessage,
  KeySchema,
  KeyKind as WireKind,
  Scope as WireScope,
} from '../../../gen/vexil/v1/key_service_pb.ts';
import { originProblem } from '../../app/allowed-origin.ts';
import { SYSTEM } from '../../app/principal.ts';
import type { Stored } from '../../app/project-state.ts';
import type { AccessKey, Instant, KeyKind, Scope } from '../../core/model.ts';
import { etagOf } from '../etag.ts';
import { environmentName, keyName, parseEnvironment } from '../names.ts';
import { timestampOf } from '../timestamp.ts';
import { pairing } from './enums.ts';
import { type Mistakes, readEnum, readInstant, reading, under } from './reading.ts';

const MAX_ORIGINS = 100;
const MAX_NAME_LENGTH = 200;

const kinds = pairing<KeyKind, WireKind>(WireKind.UNSPECIFIED, {
  server: WireKind.SERVER,
  web: WireKind.WEB,
  admin: WireKind.ADMIN,
});

const scopes = pairing<Scope, WireScope>(WireScope.UNSPECIFIED, {
  read: WireScope.READ,
  write: WireScope.WRITE,
  halt: WireScope.HALT,
  keys: WireScope.KEYS,
});

/** What the people who make a key say about it. */
export type KeyContent = Pick<
  AccessKey,
  'kind' | 'name' | 'environment' | 'scopes' | 'allowedOrigins' | 'expiresAt'
>;

export interface ChangeableKeyContent {
  readonly name: string;
  readonly allowedOrigins: readonly string[];
  readonly expiresAt: Instant | undefined;
}

/** All that may be known of a key; its secret cannot be told from it. */
export function keyMessage(project: string, { state: key, version }: Stored<AccessKey>): KeyMessage {
  return create(KeySchema, {
    name: keyName(project, key.id),
    id: key.id,
    kind: kinds.toWire(key.kind),
    displayName: key.name,
    ...(key.environment !== undefined && { environment: environmentName(project, key.environment) }),
    scopes: key.scopes.map(scopes.toWire),
    allowedOrigins: [...key.allowedOrigins],
    ...(key.expiresAt !== undefined && { expireTime: timestampOf(key.expiresAt) }),
    ...(key.revokedAt !== undefined && { revokeTime: timestampOf(key.revokedAt) }),
    createTime: timestampOf(key.createdAt),
    version: BigInt(version),
    etag: etagOf(version),
  });
}

/** A key that is to be made in this project, or in `SYSTEM`. Throws `invalid` with every mistake. */
export function keyContentFrom(message: KeyMessage, path: string, project: string): KeyContent {
  return reading(KeySchema, message, path, (_, __, mistakes) => {
    const wireKind = message.kind;
    const kind = readEnum(kinds.fromWire(wireKind), wireKind, 'admin', under(path, 'kind'), mistakes);
    if (project === SYSTEM && kind !== 'admin')
      mistakes.push({ path: under(path, 'kind'), message: 'must be admin without a parent' });
    const environment = readEnvironment(message, path, kind, project, mistakes);
    const { name, allowedOrigins, expiresAt } = readChangeable(message, path, mistakes);
    if (kind !== 'web' && allowedOrigins.length > 0)
      mistakes.push({ path: under(path, 'allowed_origins'), message: 'are for web keys only' });
    return {
      kind,
      name,
      ...(environment !== undefined && { environment }),
      scopes: readScopes(message, path, kind, mistakes),
      allowedOrigins,
      ...(expiresAt !== undefined && { expiresAt }),
    };
  });
}

/** The part of a key that an update may change. Throws `invalid` with every mistake. */
export function changeableKeyContentFrom(message: KeyMessage, path: string): ChangeableKeyContent {
  return reading(KeySchema, message, path, readChangeable);
}

function readChangeable(message: KeyMessage, path: string, mistakes: Mistakes): ChangeableKeyContent {
  const { displayName: name, allowedOrigins } = message;
  if (name.length > MAX_NAME_LENGTH)
    mistakes.push({
      path: under(path, 'display_name'),
      message: `has more than ${MAX_NAME_LENGTH} characters`,
    });
  if (allowedOrigins.length > MAX_ORIGINS)
    mistakes.push({ path: under(path, 'allowed_origins'), message: `has more than ${MAX_ORIGINS} entries` });
  for (const [index, origin] of allowedOrigins.slice(0, MAX_ORIGINS).entries()) {
    const problem = originProblem(origin);
    if (problem !== undefined)
      mistakes.push({ path: `${under(path, 'allowed_origins')}[${index}]`, message: problem });
  }
  const expiresAt = readInstant(message.expireTime, under(path, 'expire_time'), mistakes);
  return { name, allowedOrigins: [...new Set(allowedOrigins)], expiresAt };
}

function readEnvironment(
  { environment: name }: KeyMessage,
  path: string,
  kind: KeyKind,
  project: string,
  mistakes: Mistakes,
): string | undefined {
  const field = under(path, 'environment');
  if (kind === 'admin' || name === '') {
    if (kind === 'admin' && name !== '')
      mistakes.push({ path: field, message: 'is for server and web keys only' });
    if (kind !== 'admin') mistakes.push({ path: field, message: 'is required' });
    return undefined;
  }
  const parsed = parseEnvironment(name, field);
  if (parsed.project !== project) mistakes.push({ path: field, message: 'must be of the same project' });
  return parsed.environment;
}

function readScopes({ scopes: sent }: KeyMessage, path: string, kind: KeyKind, mistakes: Mistakes): Scope[] {
  const field = under(path, 'scopes');
  if (kind === 'admin' && sent.length === 0)
    mistakes.push({ path: field, message: 'must name at least one' });
  if (kind !== 'admin' && sent.length > 0) mistakes.push({ path: field, message: 'are for admin keys only' });
  const read = sent.map((scope, index) =>
    readEnum(scopes.fromWire(scope), scope, 'read', `${field}[${index}]`, mistakes),
  );
  return [...new Set(read)];
}
