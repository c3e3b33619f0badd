import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import type { Compression } from '@connectrpc/connect/protocol';
import { compressionBrotli, compressionGzip } from '@connectrpc/connect-node';
import { FlagError } from '../core/errors.ts';

const gunzip = promisify(zlib.gunzip);
const brotliDecompress = promisify(zlib.brotliDecompress);
const brotliCompress = promisify(zlib.brotliCompress);

/** The default, 11, is for files that are compressed once: a second for each megabyte. */
const BROTLI_QUALITY = { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 } };

/** What answers may be compressed with, and requests too. */
export const COMPRESSIONS: readonly Compression[] = [
  compressionGzip,
  {
    ...compressionBrotli,
    compress: async (bytes) => new Uint8Array(await brotliCompress(bytes, BROTLI_QUALITY)),
  },
];

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
