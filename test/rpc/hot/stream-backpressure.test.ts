import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { EvaluationService } from '../../../gen/vexil/v1/evaluation_pb.ts';
import { Admission } from '../../../src/app/admission.ts';
import { hashSecret, mintToken } from '../../../src/app/key-token.ts';
import { createKey } from '../../../src/app/manage/keys.ts';
import { createProject } from '../../../src/app/manage/projects.ts';
import type { Principal } from '../../../src/app/principal.ts';
import { Deadlines } from '../../../src/rpc/hot/deadlines.ts';
import { StreamExchange } from '../../../src/rpc/hot/stream-exchange.ts';
import { type Instance, openInstance, PEPPER } from '../../support/instance.ts';
import { envelope } from '../raw-call.ts';

const ROOT: Principal = {
  ...{ keyId: 'root', kind: 'admin', project: '_system', environment: undefined },
  ...{ scopes: ['read', 'write', 'halt', 'keys'], allowedOrigins: [], expiresAt: Number.POSITIVE_INFINITY },
};
const UNLIMITED = {
  ...{ callsPerKeyPerSecond: 0, streamsPerKey: 0, streamsPerAddress: 0 },
  ...{ openStreamsPerAddress: 0, refusedKeysPerAddressPerSecond: 0 },
};

const open: Instance[] = [];
afterEach(async () => {
  for (const instance of open.splice(0)) await instance[Symbol.asyncDispose]();
});

/** A stream whose carrier has room or not, and all that its task is told. */
async function stream() {
  const instance = await openInstance();
  open.push(instance);
  await instance.commit(
    'shop',
    createProject({ key: 'shop', name: '', description: '', environments: ['production'] }),
  );
  const { token, id, secret } = mintToken('server', randomBytes);
  const key = { id, kind: 'server' as const, name: '', environment: 'production', scopes: [] };
  const secretHash = hashSecret(PEPPER, secret);
  await instance.commit('shop', createKey({ ...key, allowedOrigins: [], secretHash }, ROOT));
  const told: string[] = [];
  const carrier = { hasRoom: true, isHeld: false };
  const exchange = new StreamExchange(
    {
      ...{ access: instance.access, admission: new Admission(UNLIMITED, instance.clock) },
      ...{ cors: { allows: () => false }, deadlines: new Deadlines(instance.clock) },
      ...{ maxMessageBytes: 1_000, receiveTimeoutMs: 10_000, recordCall: () => undefined },
      ...{ refused: () => undefined, logUnexpected: () => undefined },
    },
    {
      method: {
        ...{ method: EvaluationService.method.watchFlags, path: '/a/B' },
        open: () => ({
          pendingBytes: 0,
          message: (bytes) => void told.push(`message ${Buffer.from(bytes)}`),
          flush: () => undefined,
          end: () => void told.push('end'),
          drained: () => void told.push('drained'),
          [Symbol.dispose]: () => void told.push('disposed'),
        }),
      },
      format: {
        ...{ protocol: 'grpc', codec: 'proto', encodingHeader: '', acceptedHeader: '', timeoutHeader: '' },
      },
      ...{ name: 'a/B', timeoutMs: Number.POSITIVE_INFINITY, announcedBytes: 0, token, origin: undefined },
      ...{ decompress: undefined, compression: undefined, traceparent: undefined },
    },
    {
      address: () => '127.0.0.1',
      respond: () => undefined,
      write: () => carrier.hasRoom,
      finish: () => undefined,
      hold: () => {
        carrier.isHeld = true;
      },
      release: () => {
        carrier.isHeld = false;
      },
      terminate: () => undefined,
    },
  );
  exchange.start();
  return { exchange, told, carrier };
}

describe('a stream whose caller reads slowly', () => {
  it('tells its task once that the request has ended, however often it has to wait', async () => {
    const { exchange, told, carrier } = await stream();
    exchange.take(envelope(Buffer.from('hello')));
    exchange.requestEnded();
    carrier.hasRoom = false;
    for (let waits = 0; waits < 3; waits++) {
      expect(exchange.write(Buffer.from('much'))).toBe(false);
      expect(carrier.isHeld).toBe(true);
      exchange.drained();
      expect(carrier.isHeld).toBe(false);
    }
    expect(told).toEqual(['message hello', 'end', 'drained', 'drained', 'drained']);
  });

  it('tells it so after all that arrived while it waited', async () => {
    const { exchange, told, carrier } = await stream();
    carrier.hasRoom = false;
    exchange.write(Buffer.from('much'));
    exchange.take(envelope(Buffer.from('meanwhile')));
    exchange.requestEnded();
    expect(told).toEqual([]);
    exchange.drained();
    expect(told).toEqual(['drained', 'message meanwhile', 'end']);
  });
});
