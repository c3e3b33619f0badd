import { type DescMessage, fromJson, type JsonObject, toBinary } from '@bufbuild/protobuf';
import {
  EvaluateAllRequestSchema,
  EvaluateRequestSchema,
  HandshakeRequestSchema,
} from '../../../gen/vexil/v1/evaluation_pb.ts';
import { envelope } from '../raw-call.ts';
import type { RawCall } from './raw-exchange.ts';
import type { KeyName } from './two-ports.ts';

/** One way of making a unary call: a protocol in one of its encodings, over a version of HTTP. */
export interface Way {
  readonly name: string;
  readonly http: 1 | 2;
  readonly type: string;
  readonly isJson: boolean;
  readonly isGrpc: boolean;
}

/** A call that is made by a way. */
export interface Case {
  readonly name: string;
  call(way: Way, keys: Readonly<Record<KeyName, string>>): RawCall;
}

type Method = 'Evaluate' | 'EvaluateAll' | 'Handshake';
export type Fields = readonly (readonly [string, string])[];

interface Options {
  readonly method?: Method;
  readonly key?: KeyName;
  /** Instead of the key. */
  readonly credentials?: (keys: Readonly<Record<KeyName, string>>) => Fields;
  readonly headers?: (way: Way) => Fields;
  /** What the message is put into before it is sent. */
  readonly pack?: (message: Buffer) => Buffer;
  /** The whole body, for what is not one message in its place. */
  readonly body?: (way: Way, message: Buffer) => readonly Uint8Array[];
  readonly change?: Partial<RawCall>;
}

export const WAYS: readonly Way[] = [
  way('grpc', 'application/grpc', 2),
  way('grpc+json', 'application/grpc+json', 2),
  way('connect proto', 'application/proto', 2),
  way('connect json', 'application/json', 2),
  way('connect proto', 'application/proto', 1),
  way('connect json', 'application/json', 1),
];

function way(name: string, type: string, http: 1 | 2): Way {
  const isGrpc = type.startsWith('application/grpc');
  return { name: `${name} over HTTP/${http}`, type, http, isGrpc, isJson: type.endsWith('json') };
}

const SCHEMAS: Record<Method, DescMessage> = {
  Evaluate: EvaluateRequestSchema,
  EvaluateAll: EvaluateAllRequestSchema,
  Handshake: HandshakeRequestSchema,
};
/** A case that sends this message, in whatever encoding the way has. */
export function sends(name: string, message: JsonObject, options: Options = {}): Case {
  const schema = SCHEMAS[options.method ?? 'Evaluate'];
  const binary = toBinary(schema, fromJson(schema, message));
  return sendsBytes(name, Buffer.from(JSON.stringify(message)), binary, options);
}

/** A case that sends this text, or these bytes where messages are binary. */
export function sendsBytes(name: string, text: Uint8Array, binary: Uint8Array, options: Options = {}): Case {
  const { method = 'Evaluate', key = 'server', credentials, headers, pack, body, change } = options;
  return {
    name,
    call(way, keys) {
      const plain = Buffer.from(way.isJson ? text : binary);
      const message = pack?.(plain) ?? plain;
      const pieces = body?.(way, message) ?? [
        way.isGrpc ? envelope(message, { flags: pack ? 1 : 0 }) : message,
      ];
      return {
        http: way.http,
        path: `/vexil.v1.EvaluationService/${method}`,
        fields: [
          ['content-type', way.type],
          ...(credentials?.(keys) ?? [['authorization', `Bearer ${keys[key]}`] as const]),
          ...(headers?.(way) ?? []),
        ],
        pieces,
        ...change,
      };
    },
  };
}
