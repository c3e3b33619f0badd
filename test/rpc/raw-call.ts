import * as http from 'node:http';
import * as http2 from 'node:http2';

/** What came back, reduced to what a test asks about. `code` is in gRPC's numbers, whatever the protocol. */
export interface RawAnswer {
  readonly status: number;
  readonly code: number | undefined;
  readonly message: string | undefined;
  readonly body: Buffer;
  readonly headers: Record<string, unknown>;
}

export interface RawRequest {
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly method?: string;
  readonly body?: Uint8Array;
  /** Leaves the request open after the body. */
  readonly keepOpen?: boolean;
}

const CODE_NAMES = [
  'ok',
  'canceled',
  'unknown',
  'invalid_argument',
  'deadline_exceeded',
  'not_found',
  'already_exists',
  'permission_denied',
  'resource_exhausted',
  'failed_precondition',
  'aborted',
  'out_of_range',
  'unimplemented',
  'internal',
  'unavailable',
  'data_loss',
  'unauthenticated',
];

/** A length-prefixed message. */
export function envelope(message: Uint8Array, { flags = 0, length = message.length } = {}): Buffer {
  const header = Buffer.alloc(5);
  header[0] = flags;
  header.writeUInt32BE(length, 1);
  return Buffer.concat([header, message]);
}

/** One request over HTTP/2, on a connection of its own. */
export async function callH2(origin: string, request: RawRequest): Promise<RawAnswer> {
  const session = http2.connect(origin, { rejectUnauthorized: false });
  session.on('error', () => undefined);
  try {
    const stream = session.request({
      ':method': request.method ?? 'POST',
      ':path': request.path,
      ...request.headers,
    });
    const headers: Record<string, unknown> = {};
    stream.on('response', (received) => Object.assign(headers, received));
    stream.on('trailers', (received) => Object.assign(headers, received));
    stream.write(request.body ?? Buffer.alloc(0));
    if (request.keepOpen !== true) stream.end();
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    return toAnswer(Number(headers[':status']), headers, Buffer.concat(chunks));
  } finally {
    session.destroy();
  }
}

/** One request over HTTP/1.1, on a connection of its own. */
export function callH1(origin: string, request: RawRequest): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = http.request(
      origin + request.path,
      { method: request.method ?? 'POST', headers: request.headers, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const headers = { ...response.headers, ...response.trailers };
          resolve(toAnswer(response.statusCode ?? 0, headers, Buffer.concat(chunks)));
          outgoing.destroy();
        });
      },
    );
    outgoing.on('error', reject);
    if (request.keepOpen === true) outgoing.write(request.body ?? '');
    else outgoing.end(request.body);
  });
}

/** What an answer says, from all of it: the trailers go with the headers. */
export function toAnswer(status: number, headers: Record<string, unknown>, body: Buffer): RawAnswer {
  const { code, message } = statusOf(status, headers, body);
  return { status, headers, body, code, message };
}

interface Status {
  readonly code: number | undefined;
  readonly message: string | undefined;
}

function statusOf(status: number, headers: Record<string, unknown>, body: Buffer): Status {
  const type = String(headers['content-type'] ?? '');
  if (headers['grpc-status'] !== undefined)
    return {
      code: Number(headers['grpc-status']),
      message: decodeURIComponent(String(headers['grpc-message'])),
    };
  if (type.startsWith('application/grpc-web')) {
    const trailer = lastEnvelope(body);
    return {
      code: Number(/grpc-status: *(\d+)/.exec(trailer)?.[1]),
      message: decodeURIComponent(/grpc-message: *(.*)/.exec(trailer)?.[1] ?? ''),
    };
  }
  if (type.startsWith('application/connect+')) return fromJson(JSON.parse(lastEnvelope(body)).error);
  if (status !== 200 && type.startsWith('application/json')) return fromJson(JSON.parse(body.toString()));
  return { code: status === 200 ? 0 : undefined, message: undefined };
}

function fromJson(error: { code: string; message?: string } | undefined): Status {
  return error === undefined
    ? { code: 0, message: undefined }
    : { code: CODE_NAMES.indexOf(error.code), message: error.message };
}

function lastEnvelope(body: Buffer): string {
  let at = 0;
  while (at + 5 + body.readUInt32BE(at + 1) < body.length) at += 5 + body.readUInt32BE(at + 1);
  return body.subarray(at + 5).toString();
}
