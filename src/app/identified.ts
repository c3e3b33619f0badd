import type { ObjectId, ObjectKind, Operation } from '../core/change.ts';

const KINDS: ReadonlySet<unknown> = new Set<ObjectKind>([
  'project',
  'environment',
  'flag',
  'settings',
  'segment',
  'release',
  'key',
]);

/** What an operation from the log is about; undefined if that cannot be told. It may hold anything: never throws. */
export function identified(operation: Operation): ObjectId | undefined {
  const { op, object, id } = fieldsOf(operation);
  if (op === 'delete') return idIn(fieldsOf(id));
  if (op !== 'put') return undefined;
  const { kind, environment, state } = fieldsOf(object);
  const { key, flag, id: keyId } = fieldsOf(state);
  if (kind === 'settings') return idIn({ kind, environment, key: flag });
  return idIn({ kind, environment: '', key: kind === 'key' ? keyId : key });
}

function idIn({ kind, environment, key }: Fields): ObjectId | undefined {
  if (!isKind(kind) || typeof environment !== 'string' || typeof key !== 'string') return undefined;
  return { kind, environment, key };
}

function isKind(kind: unknown): kind is ObjectKind {
  return KINDS.has(kind);
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
