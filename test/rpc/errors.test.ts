import { Code, ConnectError, createClient, createRouterTransport } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  QuotaFailureSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
} from '../../gen/google/rpc/error_details_pb.ts';
import { EvaluationService } from '../../gen/vexil/v1/evaluation_pb.ts';
import { type ErrorKind, FlagError, invalid } from '../../src/core/errors.ts';
import { errorInterceptor, toConnectError } from '../../src/rpc/errors.ts';

const codes: [ErrorKind, Code][] = [
  ['invalid', Code.InvalidArgument],
  ['unauthenticated', Code.Unauthenticated],
  ['forbidden', Code.PermissionDenied],
  ['not_found', Code.NotFound],
  ['already_exists', Code.AlreadyExists],
  ['failed_precondition', Code.FailedPrecondition],
  ['conflict', Code.Aborted],
  ['exhausted', Code.ResourceExhausted],
  ['out_of_range', Code.OutOfRange],
  ['unavailable', Code.Unavailable],
  ['unimplemented', Code.Unimplemented],
  ['deadline', Code.DeadlineExceeded],
  ['cancelled', Code.Canceled],
];

test.each(codes)('%s becomes code %i with a reason for programs', (kind, code) => {
  const error = toConnectError(new FlagError(kind, 'why'));
  expect(error.code).toBe(code);
  expect(error.rawMessage).toBe('why');
  expect(error.findDetails(ErrorInfoSchema)).toMatchObject([{ reason: kind.toUpperCase(), domain: 'vexil' }]);
});

test('every mistake of an invalid request is listed, up to what a trailer can hold', () => {
  const violations = Array.from({ length: 1000 }, (_, index) => ({
    path: `rules[${index}]`,
    message: 'wrong',
  }));
  const [badRequest] = toConnectError(invalid(violations)).findDetails(BadRequestSchema);
  expect(badRequest?.fieldViolations).toHaveLength(25);
  expect(badRequest?.fieldViolations[0]).toMatchObject({ field: 'rules[0]', description: 'wrong' });
});

test('a conflict carries its metadata and when to come back', () => {
  const error = toConnectError(
    new FlagError('conflict', 'no', {
      reason: 'ETAG_MISMATCH',
      metadata: { current_etag: '"3"' },
      retryAfterMs: 1500,
    }),
  );
  expect(error.findDetails(ErrorInfoSchema)[0]).toMatchObject({
    reason: 'ETAG_MISMATCH',
    metadata: { current_etag: '"3"' },
  });
  expect(error.findDetails(RetryInfoSchema)[0]?.retryDelay).toMatchObject({
    seconds: 1n,
    nanos: 500_000_000,
  });
});

test('what is missing, in the way or too much is named', () => {
  const resource = 'projects/shop/flags/checkout';
  const missing = toConnectError(new FlagError('not_found', 'no such flag', { resource }));
  expect(missing.findDetails(ResourceInfoSchema)[0]).toMatchObject({
    resourceType: 'flags',
    resourceName: resource,
  });
  const blocked = toConnectError(
    new FlagError('failed_precondition', 'in use', { resource, reason: 'IN_USE' }),
  );
  expect(blocked.findDetails(PreconditionFailureSchema)[0]?.violations).toMatchObject([
    { type: 'IN_USE', subject: resource, description: 'in use' },
  ]);
  const much = toConnectError(
    new FlagError('exhausted', 'too many', {
      violations: [{ path: 'rules', message: 'at most 20', limit: 'rulesPerFlag' }],
    }),
  );
  expect(much.findDetails(QuotaFailureSchema)[0]?.violations).toMatchObject([
    { subject: 'rules', description: 'at most 20' },
  ]);
});

test('a limit that is exceeded among other mistakes makes them exhaustion, and all are told', () => {
  const error = toConnectError(
    invalid([
      { path: 'name', message: 'is required' },
      { path: 'rules', message: 'at most 20', limit: 'rulesPerFlag' },
    ]),
  );
  expect(error.code).toBe(Code.ResourceExhausted);
  expect(error.findDetails(QuotaFailureSchema)[0]?.violations).toMatchObject([{ subject: 'rules' }]);
  expect(error.findDetails(BadRequestSchema)[0]?.fieldViolations).toMatchObject([{ field: 'name' }]);
});

test('a message that cannot be encoded is mended rather than made an error of its own', () => {
  const { rawMessage } = toConnectError(new FlagError('invalid', `\ud800${'x'.repeat(5000)}`));
  expect(() => encodeURIComponent(rawMessage)).not.toThrow();
  expect(rawMessage.length).toBe(1000);
});

function throwing(error: unknown) {
  const logged: unknown[][] = [];
  const transport = createRouterTransport(
    ({ service }) =>
      service(EvaluationService, {
        evaluate: () => {
          throw error;
        },
        // biome-ignore lint/correctness/useYield: it fails before its first message
        watchFlags: async function* () {
          throw error;
        },
      }),
    { router: { interceptors: [errorInterceptor((...entry) => logged.push(entry))] } },
  );
  return { client: createClient(EvaluationService, transport), logged };
}

async function drain(messages: AsyncIterable<unknown>): Promise<unknown> {
  try {
    for await (const _ of messages);
    return undefined;
  } catch (error) {
    return error;
  }
}

test('an unforeseen error of a unary call is logged once and says nothing of itself', async () => {
  const secret = new Error('mongodb://user:password@db');
  const { client, logged } = throwing(secret);
  const error = await client.evaluate({}).catch((caught: unknown) => caught);
  expect(error).toMatchObject({ code: Code.Internal, rawMessage: 'internal error' });
  expect(logged).toEqual([[secret, 'vexil.v1.EvaluationService/Evaluate', undefined]]);
});

test('an unforeseen error is logged with the trace that its caller named', async () => {
  const { client, logged } = throwing(new Error('unforeseen'));
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
  const headers = { traceparent: `00-${trace}-00f067aa0ba902b7-01` };
  await expect(client.evaluate({}, { headers })).rejects.toThrow();
  expect(await drain(client.watchFlags({}, { headers }))).toMatchObject({ code: Code.Internal });
  expect(logged.map(([, , traceId]) => traceId)).toEqual([trace, trace]);
});

test('an error that appears while a stream is read is translated too', async () => {
  const { client, logged } = throwing(new FlagError('not_found', 'no such environment'));
  expect(await drain(client.watchFlags({}))).toMatchObject({ code: Code.NotFound });
  expect(logged).toEqual([]);
});

test('an unforeseen error of a stream is logged once', async () => {
  const { client, logged } = throwing(new TypeError('x is undefined'));
  expect(await drain(client.watchFlags({}))).toMatchObject({
    code: Code.Internal,
    rawMessage: 'internal error',
  });
  expect(logged).toHaveLength(1);
});

test('a status that somebody chose already stays as it is', () => {
  const chosen = new ConnectError('as I said', Code.DataLoss);
  expect(toConnectError(chosen)).toBe(chosen);
});
