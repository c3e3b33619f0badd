import { fileURLToPath } from 'node:url';
import {
  fromJSON,
  loadSync,
  type MessageTypeDefinition,
  type MethodDefinition,
  type ServiceDefinition,
} from '@grpc/proto-loader';

/**
 * The API as a client sees it that has nothing but the .proto files: loaded by @grpc/proto-loader, without anything
 * generated. Messages are written in the JSON of proto3, which is what tests can say in every protocol.
 */

export interface Message {
  readonly [field: string]: unknown;
}

type Method = MethodDefinition<object, object>;
type MessageType = MessageTypeDefinition<object, object>;

const FORMAT = { longs: String, enums: String, bytes: String, json: true } as const;
const definitions = loadSync(
  [
    ...[
      'analytics_service',
      'evaluation',
      'flag_service',
      'fleet_service',
      'history_service',
      'key_service',
    ].map((file) => `vexil/v1/${file}.proto`),
    ...['project_service', 'release_service', 'segment_service', 'telemetry_service'].map(
      (file) => `vexil/v1/${file}.proto`,
    ),
    'grpc/health/v1/health.proto',
    'grpc/reflection/v1/reflection.proto',
    'grpc/reflection/v1alpha/reflection.proto',
    'google/rpc/error_details.proto',
  ],
  { ...FORMAT, includeDirs: [fileURLToPath(new URL('../../proto', import.meta.url))] },
);

/** Every service by its full name. */
export const services: ReadonlyMap<string, ServiceDefinition> = new Map(
  Object.entries(definitions).flatMap(([name, definition]) =>
    isService(definition) ? [[name, definition] as const] : [],
  ),
);

/** Every method, by its path without the first slash, such as `vexil.v1.FlagService/GetFlag`. */
export const methods: ReadonlyMap<string, Method> = new Map(
  [...services.values()].flatMap((service) =>
    Object.values(service).map((method) => [method.path.slice(1), method] as const),
  ),
);

/** The method of that name; services of the API itself may be named without their package. */
export function methodNamed(name: string): Method {
  const method = methods.get(name) ?? methods.get(`vexil.v1.${name}`);
  if (method === undefined) throw new Error(`there is no method ${name}`);
  return method;
}

/** Whether the method may be called with GET. */
export function isRead(method: Method): boolean {
  return method.options?.idempotency_level === 'NO_SIDE_EFFECTS';
}

/** What proto-loader serializes, from the JSON of proto3. */
export function toLoader(type: MessageType, json: Message): Message {
  return mapFields(type, json, (name, value) => {
    switch (name) {
      case 'google.protobuf.Timestamp': {
        const ms = Date.parse(String(value));
        return { seconds: String(Math.floor(ms / 1_000)), nanos: (((ms % 1_000) + 1_000) % 1_000) * 1e6 };
      }
      case 'google.protobuf.FieldMask':
        return { paths: String(value).split(',').map(snakeCase) };
      case 'google.protobuf.Struct':
        return wireStruct(isMessage(value) ? value : {});
      case 'google.protobuf.Value':
        return wireValue(value);
      default:
        return toLoader(messageType(name), isMessage(value) ? value : {});
    }
  });
}

/** The JSON of proto3 for what proto-loader has read. */
export function fromLoader(type: MessageType, message: Message): Message {
  return mapFields(type, message, (name, value) => {
    const content = isMessage(value) ? value : {};
    switch (name) {
      case 'google.protobuf.Timestamp':
        return new Date(
          Number(content.seconds ?? 0) * 1_000 + Number(content.nanos ?? 0) / 1e6,
        ).toISOString();
      case 'google.protobuf.Struct':
        return plainStruct(content);
      case 'google.protobuf.Value':
        return plainValue(content);
      default:
        return fromLoader(messageType(name), content);
    }
  });
}

/** An error's details, in JSON, by the name of their type. */
export function decodeStatus(status: Buffer): Map<string, Message> {
  const { details } = { details: [], ...STATUS.deserialize(status) };
  return decodeDetails(
    listOf(details).map((detail) => ({
      type: String(detail.typeUrl).split('/').at(-1) ?? '',
      value: String(detail.value ?? ''),
    })),
  );
}

/** Details in the form that Connect sends: the type's name, and its message in base64. */
export function decodeDetails(details: readonly { type: string; value: string }[]): Map<string, Message> {
  return new Map(
    details.map(({ type, value }) => [
      type.replace('google.rpc.', ''),
      { ...messageType(type).deserialize(Buffer.from(value, 'base64')) },
    ]),
  );
}

export function isMessage(value: unknown): value is Message {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const rpcStatus = fromJSON(
  {
    nested: {
      Status: {
        fields: {
          code: { type: 'int32', id: 1 },
          message: { type: 'string', id: 2 },
          details: { rule: 'repeated', type: 'Detail', id: 3 },
        },
      },
      Detail: { fields: { typeUrl: { type: 'string', id: 1 }, value: { type: 'bytes', id: 2 } } },
    },
  },
  FORMAT,
);
const STATUS = asMessageType(rpcStatus.Status);

interface Field {
  readonly name: string;
  readonly label: string;
  readonly type: string;
  readonly typeName: string;
}

function mapFields(
  type: MessageType,
  message: Message,
  convert: (typeName: string, value: unknown) => unknown,
): Message {
  const fields = new Map(fieldsOf(type).map((field) => [field.name, field]));
  return Object.fromEntries(
    Object.entries(message).map(([name, value]) => {
      const field = fields.get(name);
      if (field === undefined) throw new Error(`there is no field ${name} in ${JSON.stringify(message)}`);
      const typeName = field.type === 'TYPE_MESSAGE' ? knownName(field.typeName) : undefined;
      if (typeName === undefined) return [name, value];
      const converted = Array.isArray(value)
        ? value.map((each) => convert(typeName, each))
        : convert(typeName, value);
      return [name, converted];
    }),
  );
}

/** Types nested in others, which are map entries and messages without fields to convert, stay as they are. */
function knownName(typeName: string): string | undefined {
  const packages = ['', 'vexil.v1.', 'google.protobuf.'];
  return packages.map((prefix) => prefix + typeName).find((name) => name in definitions);
}

function messageType(name: string): MessageType {
  return asMessageType(definitions[name]);
}

function asMessageType(definition: unknown): MessageType {
  if (!isMessageType(definition)) throw new Error('not a message type');
  return definition;
}

function isMessageType(definition: unknown): definition is MessageType {
  return isMessage(definition) && definition.format === 'Protocol Buffer 3 DescriptorProto';
}

function isService(definition: object): definition is ServiceDefinition {
  return !('format' in definition);
}

function fieldsOf({ type }: MessageType): Field[] {
  const { field } = { field: [], ...type };
  return listOf(field).map(({ name, label, type, typeName }) => ({
    name: String(name),
    label: String(label),
    type: String(type),
    typeName: String(typeName).replace(/^\./, ''),
  }));
}

function listOf(value: unknown): Message[] {
  return Array.isArray(value) ? value.filter(isMessage) : [];
}

function wireStruct(json: Message): Message {
  return {
    fields: Object.fromEntries(Object.entries(json).map(([name, value]) => [name, wireValue(value)])),
  };
}

function wireValue(json: unknown): Message {
  if (json === null) return { nullValue: 'NULL_VALUE' };
  if (typeof json === 'boolean') return { boolValue: json };
  if (typeof json === 'number') return { numberValue: json };
  if (typeof json === 'string') return { stringValue: json };
  if (Array.isArray(json)) return { listValue: { values: json.map(wireValue) } };
  return { structValue: wireStruct(isMessage(json) ? json : {}) };
}

function plainStruct({ fields }: Message): Message {
  const entries = Object.entries(isMessage(fields) ? fields : {});
  return Object.fromEntries(
    entries.map(([name, value]) => [name, plainValue(isMessage(value) ? value : {})]),
  );
}

function plainValue(value: Message): unknown {
  if ('structValue' in value) return plainStruct(isMessage(value.structValue) ? value.structValue : {});
  if ('listValue' in value)
    return listOf(isMessage(value.listValue) ? value.listValue.values : []).map(plainValue);
  if ('nullValue' in value) return null;
  return value.boolValue ?? value.numberValue ?? value.stringValue;
}

function snakeCase(path: string): string {
  return path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
