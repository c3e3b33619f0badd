import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nkeys } from 'nats';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/adapters/in-process/system-clock.ts';
import type { NatsOptions } from '../../src/adapters/nats/nats-settings.ts';
import { openNats } from '../../src/adapters/nats/open-nats.ts';
import { natsProcess, natsProgramOrSkip } from '../support/nats-server.ts';
import { toolOrSkip } from '../support/require-tool.ts';

const program = natsProgramOrSkip() ?? '';
const openssl = toolOrSkip('openssl', '/usr/bin/openssl') ?? '';

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

async function scratch(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'vexil-nats-'));
  open.push({ [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) });
  return directory;
}

async function running(...args: readonly string[]) {
  const nats = await natsProcess(program, ...args);
  open.push(nats);
  await nats.start();
  return nats;
}

function link(url: string, options: Partial<NatsOptions> = {}) {
  const problems: string[] = [];
  const report = (problem: string) => void problems.push(problem);
  const made = openNats({ servers: [url], name: 'test', clock: systemClock, report, ...options });
  open.push(made);
  return Object.assign(made, { problems });
}

describe.skipIf(program === '' || openssl === '')('a link with TLS', () => {
  it('trusts the servers of its own authority and no others, and never goes without', async () => {
    const directory = await scratch();
    const [cert, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
    execFileSync(
      openssl,
      `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost
       -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout ${key} -out ${cert}`.split(/\s+/),
      { stdio: 'ignore' },
    );
    const secured = await running('--tlsverify', '--tlscert', cert, '--tlskey', key, '--tlscacert', cert);
    const plain = await running();
    const tls = { caFile: cert, certFile: cert, keyFile: key };
    const refused = [
      link(secured.url),
      link(secured.url, { tls: { caFile: cert } }),
      link(plain.url, { tls }),
      link(plain.url.replace('nats:', 'tls:')),
    ];
    const accepted = link(secured.url.replace('nats:', 'tls:'), { tls });
    await vi.waitFor(() => expect(accepted.connected()).toBe(true), 10_000);
    for (const each of refused)
      await vi.waitFor(() => expect(each.problems).toContain('cannot connect to NATS'), 10_000);
    expect(refused.map((each) => each.connected())).toEqual([false, false, false, false]);
  });
});

describe.skipIf(program === '')('a link with a credentials file', () => {
  it('presents what the file holds at that moment', async () => {
    const directory = await scratch();
    const { config, credentials } = operatorMode();
    const [configFile, credentialsFile] = [join(directory, 'nats.conf'), join(directory, 'user.creds')];
    await writeFile(configFile, config);
    const nats = await running('-c', configFile);
    const one = link(nats.url, { credentialsFile });
    await vi.waitFor(() => expect(one.problems).toContain('cannot connect to NATS'));
    expect(one.connected()).toBe(false);
    await writeFile(credentialsFile, credentials);
    await vi.waitFor(() => expect(one.connected()).toBe(true), 10_000);
  });
});

/** A server's configuration with one operator, account and user, and the credentials of that user. */
function operatorMode() {
  const [operator, account, user] = [nkeys.createOperator(), nkeys.createAccount(), nkeys.createUser()];
  type Pair = typeof operator;
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const jwt = (issuer: Pair, subject: Pair, type: string) => {
    const names = { iss: issuer.getPublicKey(), sub: subject.getPublicKey(), name: type, jti: type };
    const head = part({ typ: 'JWT', alg: 'ed25519-nkey' });
    const unlimited = { subs: -1, data: -1, payload: -1 };
    const limits = type === 'account' ? { limits: { ...unlimited, conn: -1, leaf: -1 } } : {};
    const claims = part({ ...names, iat: 1_700_000_000, nats: { type, version: 2, ...limits } });
    const signature = issuer.sign(Buffer.from(`${head}.${claims}`));
    return `${head}.${claims}.${Buffer.from(signature).toString('base64url')}`;
  };
  const accountKey = account.getPublicKey();
  return {
    config: [
      `operator: ${jwt(operator, operator, 'operator')}`,
      'resolver: MEMORY',
      `resolver_preload: { ${accountKey}: ${jwt(operator, account, 'account')} }`,
    ].join('\n'),
    credentials: [
      '-----BEGIN NATS USER JWT-----',
      jwt(account, user, 'user'),
      '------END NATS USER JWT------',
      '',
      '-----BEGIN USER NKEY SEED-----',
      Buffer.from(user.getSeed()).toString(),
      '------END USER NKEY SEED------',
      '',
    ].join('\n'),
  };
}
