import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { type Compression, compressionNegotiate } from '@connectrpc/connect/protocol';
import { FlagError } from '../core/errors.ts';
import type { WireFormat } from './wire-format.ts';

const gzip = promisify(zlib.gzip);
const gunzip = promisify(zlib.gunzip);
const brotliDecompress = promisify(zlib.brotliDecompress);
const brotliCompress = promisify(zlib.brotliCompress);

/** The default, 11, is for files that are compressed once: a second for each megabyte. */
const BROTLI_QUALITY = { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 } };

/** What answers may be compressed with, and requests too. */
export const COMPRESSIONS: readonly Compression[] = [
  {
    name: 'gzip',
    compress: async (bytes) => new Uint8Array(await gzip(bytes)),
    decompress: async (bytes, maxBytes) => (await rpcLibrary()).compressionGzip.decompress(bytes, maxBytes),
  },
  {
    name: 'br',
    compress: async (bytes) => new Uint8Array(await brotliCompress(bytes, BROTLI_QUALITY)),
    decompress: async (bytes, maxBytes) => (await rpcLibrary()).compressionBrotli.decompress(bytes, maxBytes),
  },
];

/** Whoever decompresses with it has loaded it already. Hot calls do without. */
function rpcLibrary() {
  return import('@connectrpc/connect-node');
}

const GRPC_ACCEPTED = 'grpc-accept-encoding';

/** Messages that are shorter are sent as they are. */
export const COMPRESS_MIN_BYTES = 1_024;

/**
 * What the answers of a call are compressed with, if anything: over gRPC what the caller's own message says it is
 * compressed with, elsewhere the first that is accepted. A gRPC client says that it accepts gzip without anybody having
 * asked for it, and inside a data centre that costs both sides more than it saves.
 */
export function answerCompression(
  protocol: WireFormat['protocol'],
  sent: string | null | undefined,
  accepted: string | null | undefined,
): Compression | undefined {
  if (protocol === 'grpc' && (sent === null || sent === undefined || sent === 'identity')) return undefined;
  if (accepted === null || accepted === undefined || accepted === '')
    return protocol === 'grpc' ? COMPRESSIONS.find(({ name }) => name === sent) : undefined;
  const ofCaller = (name: string) => name === sent || protocol !== 'grpc';
  const served = COMPRESSIONS.filter(({ name }) => ofCaller(name));
  return compressionNegotiate(served, null, accepted, '').response ?? undefined;
}

/** Makes the library answer by the same rule, which for gRPC it knows by another one. */
export function limitAnswerCompression(header: Headers, { protocol, encodingHeader }: WireFormat): void {
  if (protocol !== 'grpc') return;
  const compression = answerCompression(protocol, header.get(encodingHeader), header.get(GRPC_ACCEPTED));
  if (compression === undefined) header.delete(GRPC_ACCEPTED);
  else header.set(GRPC_ACCEPTED, compression.name);
}

/** Inflates to at most `maxBytes`. Rejects with a FlagError for more than that and for anything malformed. */
export type Decompress = (bytes: Uint8Array, maxBytes: number) => Promise<Uint8Array>;

/** Undefined for an encoding that is not served. */
export function decompressorOf(encoding: string): Decompress | undefined {
  switch (encoding) {
    case 'gzip':
      return (bytes, maxBytes) => inflate(gunzip, bytes, maxBytes);
    case 'br':
      return (bytes, maxBytes) => inflate(brotliDecompress, bytes, maxBytes);
    default:
      return undefined;
  }
}

type Inflate = (bytes: Uint8Array, options: zlib.ZlibOptions & zlib.BrotliOptions) => Promise<Buffer>;

async function inflate(decompress: Inflate, bytes: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  if (bytes.length === 0) return bytes;
  try {
    return await decompress(bytes, { maxOutputLength: maxBytes, rejectGarbageAfterEnd: true });
  } catch (cause) {
    const tooLarge = cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE';
    if (tooLarge) throw messageTooLarge(maxBytes);
    throw new FlagError('invalid', 'the message cannot be decompressed', {
      reason: 'COMPRESSION_MALFORMED',
      cause,
    });
  }
}

/** What a message beyond the limit gets, compressed or not. */
export function messageTooLarge(maxBytes: number): FlagError {
  return new FlagError('exhausted', `a message may have ${maxBytes} bytes`, { reason: 'MESSAGE_TOO_LARGE' });
}
