import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { FlagError } from '../core/errors.ts';
import type { TlsPaths } from './config.ts';
import type { TlsMaterial } from './listen.ts';

/** Reads certificate and key. Throws a FlagError that names the variable of the file that is missing or unusable. */
export function readTlsFiles({ certPath, keyPath, clientCaPath }: TlsPaths): TlsMaterial {
  const cert = readFor('VEXIL_TLS_CERT', certPath);
  const key = readFor('VEXIL_TLS_KEY', keyPath);
  const material = { cert, key };
  try {
    createSecureContext(material);
  } catch (cause) {
    throw new FlagError('invalid', 'VEXIL_TLS_CERT and VEXIL_TLS_KEY are not a certificate and its key', {
      cause,
    });
  }
  return clientCaPath === undefined
    ? material
    : { ...material, clientCa: readFor('VEXIL_TLS_CLIENT_CA', clientCaPath) };
}

function readFor(variable: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new FlagError('invalid', `${variable} names a file that cannot be read: ${path}`, { cause });
  }
}
