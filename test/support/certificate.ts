import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

export interface Certificate {
  readonly certPath: string;
  readonly keyPath: string;
}

/** Makes a certificate for this machine that is its own authority, with the program openssl. */
export function makeCertificate(openssl: string, directory: string): Certificate {
  const [certPath, keyPath] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  execFileSync(
    openssl,
    `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost
     -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout ${keyPath} -out ${certPath}`.split(/\s+/),
    { stdio: 'ignore' },
  );
  return { certPath, keyPath };
}
