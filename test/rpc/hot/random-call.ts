import {
  create,
  type DescMessage,
  type JsonObject,
  type MessageInitShape,
  toBinary,
  toJsonString,
} from '@bufbuild/protobuf';
import { FlagType } from '../../../gen/vexil/v1/definitions_pb.ts';
import {
  EvaluateAllRequestSchema,
  EvaluateRequestSchema,
  EvaluateStreamRequestSchema,
  HandshakeRequestSchema,
} from '../../../gen/vexil/v1/evaluation_pb.ts';
import { type Principal, SYSTEM } from '../../../src/app/principal.ts';
import type { Codec } from '../../../src/rpc/hot/hot-method.ts';
import type { Random } from '../../attacks/random.ts';
import { mutateBytes, mutateJson } from '../../attacks/random-message.ts';
import { FLAG_KEYS } from '../../core/properties/arbitraries.ts';
import type { RequestKind } from '../../fuzz/random-request.ts';

/** Calls that mostly make sense in a shop of `random-shop.ts`. */
export interface RandomCall {
  readonly kind: RequestKind;
  readonly codec: Codec;
  readonly message: Buffer;
  readonly principal: Principal;
}

const PRODUCTION = 'projects/shop/environments/production';
/** What a key with an environment of its own is sent with. */
const ENVIRONMENTS = [
  ...Array(20).fill(''),
  PRODUCTION,
  'projects/shop/environments/staging',
  'projects/shop',
  'x',
];
const KEYS = [...FLAG_KEYS, ...FLAG_KEYS, ...FLAG_KEYS, 'missing', 'No key', '', 'ü', '-'];
const TYPES: readonly FlagType[] = [
  ...Array<FlagType>(12).fill(FlagType.UNSPECIFIED),
  ...[FlagType.BOOLEAN, FlagType.STRING, FlagType.NUMBER, FlagType.JSON, 99 as FlagType],
];
const REVISIONS = [...Array<bigint>(16).fill(0n), 1n, 5n, -1n, 10_000n, 2n ** 53n];
const PLACES = [
  ...Array(10).fill(PRODUCTION),
  'projects/shop/environments/staging',
  'projects/shop/environments/gone',
  'projects/other/environments/x',
];

/** The etag of an earlier answer may be sent back. */
export function randomCall(
  random: Random,
  kind: RequestKind,
  etag: string,
  codec: Codec = random.oneIn(4) ? 'json' : 'proto',
): RandomCall {
  const principal = randomPrincipal(random);
  const environment =
    principal.environment === undefined && !random.oneIn(8) ? random.pick(PLACES) : random.pick(ENVIRONMENTS);
  const message = encoded(random, kind, codec, environment, etag);
  return { kind, codec, message, principal };
}

function randomPrincipal(random: Random): Principal {
  const base = { keyId: 'k', scopes: [], allowedOrigins: [], expiresAt: Number.POSITIVE_INFINITY } as const;
  const own = { ...base, project: 'shop', environment: random.oneIn(10) ? 'gone' : 'production' };
  switch (random.whole(8)) {
    case 0:
    case 1:
    case 2:
      return { ...own, kind: 'server' };
    case 3:
    case 4:
    case 5:
      return { ...own, kind: 'web', allowedOrigins: ['*'] };
    case 6:
      return {
        ...base,
        kind: 'admin',
        project: random.pick(['shop', SYSTEM]),
        environment: undefined,
        scopes: ['read'],
      };
    default:
      return {
        ...{ ...base, kind: 'admin', project: random.pick(['shop', 'other']), environment: undefined },
        scopes: random.oneIn(2) ? ['read'] : ['write'],
      };
  }
}

function encoded(random: Random, kind: RequestKind, codec: Codec, environment: string, etag: string): Buffer {
  const context = random.oneIn(10) ? {} : { context: randomContext(random) };
  const minRevision = random.pick(REVISIONS);
  const flagKeys = Array.from({ length: random.oneIn(2) ? 0 : random.whole(5) }, () =>
    random.pick(FLAG_KEYS),
  );
  if (random.oneIn(20)) flagKeys.push(...Array(random.pick([1, 1, 1, 5_001])).fill(random.pick(KEYS)));
  const one = { flagKey: random.pick(KEYS), expectedType: random.pick(TYPES) };
  switch (kind) {
    case 'evaluate':
      return bytesOf(random, codec, EvaluateRequestSchema, {
        ...{ ...one, ...context, minRevision, environment },
        explain: random.oneIn(4),
      });
    case 'evaluateAll':
      return bytesOf(random, codec, EvaluateAllRequestSchema, {
        ...{ ...context, flagKeys, minRevision, environment },
      });
    case 'handshake':
      return bytesOf(random, codec, HandshakeRequestSchema, {
        ...{ ...context, flagKeys, minRevision, environment },
        protocolVersion: random.oneIn(10) ? random.whole(3) : 1,
        etag: random.pick(['', etag, etag, '"x"']),
        ...(random.oneIn(3) && { client: { name: 'c'.repeat(random.pick([1, 200, 201])), version: '1' } }),
      });
    case 'evaluateStream':
      return bytesOf(random, codec, EvaluateStreamRequestSchema, {
        ...{ ...one, ...context, environment },
        id: random.pick([0n, 1n, 127n, 128n, 2n ** 32n, 2n ** 53n + 1n, 2n ** 64n - 1n]),
      });
  }
}

function bytesOf<Desc extends DescMessage>(
  random: Random,
  codec: Codec,
  schema: Desc,
  content: MessageInitShape<Desc>,
): Buffer {
  const message = create(schema, content);
  if (codec === 'proto') {
    const bytes = Buffer.from(toBinary(schema, message));
    return random.oneIn(20) ? mutateBytes(random, bytes) : bytes;
  }
  const text = toJsonString(schema, message);
  return Buffer.from(
    random.oneIn(5) ? mutateJson(random, text) : `${random.oneIn(20) ? '\ufeff' : ''}${text}`,
  );
}

function randomContext(random: Random) {
  const attributes: JsonObject = {};
  const some = <T>(value: T) => (random.oneIn(3) ? undefined : value);
  const plan = some(random.pick(['pro', 'free', 7, true, null, ['pro', 1], 'é']));
  const age = some(random.pick([7, -1.5, 0, '7', 1e300]));
  const device = some({
    os: random.pick(['pro', '1.2.0']),
    branch: 'pro',
    releaseId: random.pick(['pro', 'x']),
  });
  if (plan !== undefined) attributes.plan = plan;
  if (age !== undefined) attributes.age = age;
  if (device !== undefined) attributes.device = device;
  if (random.oneIn(30)) attributes.deep = nested(30 + random.whole(6));
  if (random.oneIn(100)) for (let index = 0; index < 1_001; index++) attributes[`a${index}`] = index;
  const targetingKey = random.pick([
    '',
    'u1',
    'u2',
    'é',
    'anna',
    `${random.whole(1_000)}`,
    'x'.repeat(4_096),
  ]);
  return {
    targetingKey: random.oneIn(60) ? `${targetingKey}${'x'.repeat(4_090)}` : targetingKey,
    attributes,
  };
}

function nested(levels: number): JsonObject {
  let value: JsonObject = {};
  for (let level = 0; level < levels; level++) value = { x: level % 2 === 0 ? value : [value] };
  return value;
}
