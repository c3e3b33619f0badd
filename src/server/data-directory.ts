import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
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
  /** Notes a fingerprint of the pepper that they and this one have, as far as it can. Never throws. */
  noteAgreedPepper(fingerprint: string): void;
}

/** Makes the directory, mode 0700, if it is not there. */
export function openDataDirectory(path: string): DataDirectory {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const adminKeyFile = join(path, 'admin.key');
  const agreedFile = join(path, 'pepper.agreed');
  const agreedPepper = () => (existsSync(agreedFile) ? readFileSync(agreedFile, 'utf8').trim() : undefined);
  return {
    path,
    adminKeyFile,
    pepper: () => readOrCreate(join(path, 'pepper'), () => randomBytes(32).toString('hex')),
    adminToken: () => readOrCreate(adminKeyFile, () => mintToken('admin', randomBytes).token),
    forgetAdminToken: () => rmSync(adminKeyFile, { force: true }),
    agreedPepper,
    noteAgreedPepper(fingerprint) {
      if (agreedPepper() === fingerprint) return;
      try {
        put(agreedFile, fingerprint);
      } catch {
        // The disk may be full: that is no reason not to serve.
      }
    },
  };
}

function readOrCreate(file: string, create: () => string): string {
  if (!existsSync(file)) put(file, create());
  return readFileSync(file, 'utf8').trim();
}

/** Writes a text, which is there as a whole or not at all. */
function put(file: string, text: string): void {
  const unfinished = `${file}.new`;
  rmSync(unfinished, { force: true });
  const descriptor = openSync(unfinished, 'wx', 0o600);
  try {
    writeSync(descriptor, `${text}\n`);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(unfinished, file);
}
