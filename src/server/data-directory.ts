import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { mintToken } from '../app/key-token.ts';

/** The files of one instance that are not databases. Secrets are readable by their owner only. */
export interface DataDirectory {
  readonly path: string;
  readonly adminKeyFile: string;
  /** What is mixed into the hashes of keys: made at the first start. */
  pepper(): string;
  /** The token of the first admin key: made, and saved for whoever runs this machine, when first asked for. */
  adminToken(): string;
  /** Throws that token away. */
  forgetAdminToken(): void;
  /** What was noted of the pepper that other replicas have; undefined if nothing was. */
  agreedPepper(): string | undefined;
  /** Notes a fingerprint of the pepper that they and this one have. */
  noteAgreedPepper(fingerprint: string): void;
}

/** Makes the directory, mode 0700, if it is not there. */
export function openDataDirectory(path: string): DataDirectory {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const adminKeyFile = join(path, 'admin.key');
  const agreedFile = join(path, 'pepper.agreed');
  return {
    path,
    adminKeyFile,
    pepper: () => readOrCreate(join(path, 'pepper'), () => randomBytes(32).toString('hex')),
    adminToken: () => readOrCreate(adminKeyFile, () => mintToken('admin', randomBytes).token),
    forgetAdminToken: () => rmSync(adminKeyFile, { force: true }),
    agreedPepper: () => (existsSync(agreedFile) ? readFileSync(agreedFile, 'utf8').trim() : undefined),
    noteAgreedPepper: (fingerprint) => writeFileSync(agreedFile, `${fingerprint}\n`, { mode: 0o600 }),
  };
}

function readOrCreate(file: string, create: () => string): string {
  if (!existsSync(file)) {
    const descriptor = openSync(file, 'wx', 0o600);
    try {
      writeSync(descriptor, `${create()}\n`);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }
  return readFileSync(file, 'utf8').trim();
}
