import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { describeConfig, loadConfig } from '../../src/server/config.ts';

const PEPPER = 'not-to-be-printed-0123456789abcdef';

describe('loadConfig', () => {
  it('needs no variable at all, and opens nothing to the network then', () => {
    const config = loadConfig({ PATH: '/bin' });
    expect(config).toMatchObject({ host: '127.0.0.1', port: 8013, managementPort: 8014, dataDir: './data' });
    expect(config).toMatchObject({
      managementApi: 'public',
      reflection: 'public',
      drainDelayMs: 0,
      tls: undefined,
    });
    expect(config.limits).toEqual(DEFAULT_LIMITS);
    expect(config.messages).toMatchObject({ maxEvaluateBytes: 1_048_576, maxManagementBytes: 4_194_304 });
  });

  it('keeps management and reflection off a port that others can reach, unless asked', () => {
    const open = loadConfig({ VEXIL_HOST: '0.0.0.0' });
    expect(open).toMatchObject({
      managementApi: 'management',
      reflection: 'management',
      drainDelayMs: 5_000,
    });
    const asked = loadConfig({ VEXIL_HOST: '::', VEXIL_MANAGEMENT_API: 'public', VEXIL_REFLECTION: 'off' });
    expect(asked).toMatchObject({ managementApi: 'public', reflection: 'off' });
    expect(loadConfig({ VEXIL_HOST: '::1' }).managementApi).toBe('public');
  });

  it('has every role unless told otherwise, and keeps rows, minutes and sums for so many days', () => {
    expect(loadConfig({}).roles).toEqual({ evaluate: true, write: true });
    expect(loadConfig({ VEXIL_ROLES: 'write' }).roles).toEqual({ evaluate: false, write: true });
    expect(loadConfig({ VEXIL_ROLES: ' write , evaluate' }).roles).toEqual({ evaluate: true, write: true });
    for (const roles of [',', 'writer', 'evaluate,'])
      expect(() => loadConfig({ VEXIL_ROLES: roles })).toThrow();
    const [dayMs, kept] = [86_400_000, loadConfig({ VEXIL_RETENTION_MINUTES_DAYS: '2' }).retention];
    expect(kept).toEqual({ rowsMs: 30 * dayMs, minutesMs: 2 * dayMs, rollupsMs: 400 * dayMs });
    expect(() => loadConfig({ VEXIL_RETENTION_ROWS_DAYS: '0' })).toThrow('must be a whole number');
  });

  it('names every variable that it cannot use', () => {
    const env = {
      VEXIL_PROT: '1',
      VEXIL_PORT: '65536',
      VEXIL_HEARTBEAT_MS: '1.5',
      VEXIL_MANAGEMENT_API: 'yes',
      VEXIL_LIMIT_FLAGS: '-1',
      VEXIL_LIMIT_FLAG: '1',
      VEXIL_TLS_CERT: 'cert.pem',
    };
    expect(() => loadConfig(env)).toThrow(
      expect.objectContaining({
        kind: 'invalid',
        message: expect.stringContaining('VEXIL_PORT must be a whole number from 0 to 65535'),
        details: expect.objectContaining({
          violations: expect.arrayContaining([
            { path: 'VEXIL_PROT', message: 'is no variable of this service' },
            { path: 'VEXIL_PORT', message: 'must be a whole number from 0 to 65535' },
            { path: 'VEXIL_HEARTBEAT_MS', message: expect.stringContaining('whole number') },
            { path: 'VEXIL_MANAGEMENT_API', message: 'must be one of public, management, off' },
            { path: 'VEXIL_LIMIT_FLAGS', message: expect.stringContaining('whole number') },
            { path: 'VEXIL_LIMIT_FLAG', message: 'is no limit of this service' },
            { path: 'VEXIL_TLS_KEY', message: expect.stringContaining('is missing') },
          ]),
        }),
      }),
    );
  });

  it('takes limits by their names in capitals', () => {
    const { limits } = loadConfig({ VEXIL_LIMIT_FLAGS: '7', VEXIL_LIMIT_VARIATIONS_PER_FLAG: '3' });
    expect(limits).toEqual({ ...DEFAULT_LIMITS, flags: 7, variationsPerFlag: 3 });
  });

  it('leaves the variables of the command line alone, and takes empty ones for absent', () => {
    const env = {
      VEXIL_SERVER: 'http://x',
      VEXIL_TOKEN: 't',
      VEXIL_PORT: '',
      VEXIL_TLS_CERT: '',
      LOG_LEVEL: 'debug',
    };
    expect(loadConfig(env)).toMatchObject({ port: 8013, tls: undefined, logLevel: 'debug' });
  });

  it('asks for client certificates when it is given who signs them', () => {
    const env = { VEXIL_TLS_CERT: 'c', VEXIL_TLS_KEY: 'k', VEXIL_TLS_CLIENT_CA: 'ca' };
    expect(loadConfig(env).tls).toEqual({ certPath: 'c', keyPath: 'k', clientCaPath: 'ca' });
    expect(() => loadConfig({ VEXIL_TLS_CLIENT_CA: 'ca' })).toThrow('VEXIL_TLS_CERT is missing');
  });

  it('reads a secret from a file', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'vexil-config-')), 'pepper');
    writeFileSync(file, `${PEPPER}\n`);
    expect(loadConfig({ VEXIL_KEY_PEPPER_FILE: file }).keyPepper).toBe(PEPPER);
    const both = { VEXIL_KEY_PEPPER_FILE: file, VEXIL_KEY_PEPPER: PEPPER };
    expect(() => loadConfig(both)).toThrow('VEXIL_KEY_PEPPER_FILE is given together with VEXIL_KEY_PEPPER');
    expect(() => loadConfig({ VEXIL_KEY_PEPPER_FILE: `${file}.gone` })).toThrow('cannot be read');
    expect(() => loadConfig({ VEXIL_PORT_FILE: file })).toThrow('VEXIL_PORT_FILE is no variable');
  });
});

describe('the configuration of a fleet', () => {
  const FLEET = { VEXIL_MONGODB_URI: 'mongodb://a,b/?replicaSet=rs0', VEXIL_KEY_PEPPER: PEPPER };

  it('is none unless there is a database', () => {
    expect(loadConfig({}).fleet).toBeUndefined();
    expect(loadConfig(FLEET).fleet).toEqual({
      mongo: { uri: 'mongodb://a,b/?replicaSet=rs0', database: 'vexil' },
      nats: undefined,
    });
  });

  it('has NATS servers, and what to show them', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'vexil-config-')), 'file');
    writeFileSync(file, 'x');
    const { fleet } = loadConfig({
      ...FLEET,
      VEXIL_MONGODB_DATABASE: 'flags',
      VEXIL_NATS_URL: 'nats://a:4222, tls://b',
      VEXIL_NATS_PREFIX: 'eu.flags',
      VEXIL_NATS_CREDENTIALS_FILE: file,
      VEXIL_NATS_CA_FILE: file,
    });
    expect(fleet?.mongo.database).toBe('flags');
    expect(fleet?.nats).toEqual({
      servers: ['nats://a:4222', 'tls://b'],
      prefix: 'eu.flags',
      credentialsFile: file,
      tls: { caFile: file },
    });
  });

  it.each([
    [{ VEXIL_MONGODB_URI: 'mongodb://a' }, 'VEXIL_KEY_PEPPER is missing: replicas'],
    [{ VEXIL_NATS_URL: 'nats://a' }, 'VEXIL_MONGODB_URI is missing: NATS'],
    [{ ...FLEET, VEXIL_NATS_CA_FILE: '/dev/null' }, 'VEXIL_NATS_CA_FILE is given without VEXIL_NATS_URL'],
    [
      { ...FLEET, VEXIL_NATS_URL: 'nats://a', VEXIL_NATS_CERT_FILE: '/dev/null' },
      'VEXIL_NATS_KEY_FILE is missing: a certificate',
    ],
    [
      { ...FLEET, VEXIL_NATS_URL: 'nats://a', VEXIL_NATS_KEY_FILE: '/dev/null' },
      'VEXIL_NATS_CERT_FILE is missing: a key',
    ],
    [
      { ...FLEET, VEXIL_NATS_URL: 'nats://a', VEXIL_NATS_CREDENTIALS_FILE: '/nowhere' },
      'VEXIL_NATS_CREDENTIALS_FILE names a file that cannot be read',
    ],
    [{ ...FLEET, VEXIL_MONGODB_URI: 'postgres://user:hunter2@a' }, 'VEXIL_MONGODB_URI must be of the form'],
    [{ ...FLEET, VEXIL_MONGODB_DATABASE: 'a.b' }, 'VEXIL_MONGODB_DATABASE must be'],
    [{ ...FLEET, VEXIL_NATS_URL: 'nats://a,http://user:hunter2@b' }, 'VEXIL_NATS_URL must be addresses'],
    [{ ...FLEET, VEXIL_NATS_PREFIX: 'a.>' }, 'VEXIL_NATS_PREFIX must be letters'],
  ])('is refused for what is missing or malformed: %j', (env, message) => {
    expect(() => loadConfig(env)).toThrow(message);
    expect(() => loadConfig(env)).not.toThrow('hunter2');
  });

  it('may be kept in files, and is shown without credentials', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'vexil-config-')), 'uri');
    writeFileSync(file, 'mongodb://user:hunter2@a:1,b:2/?tls=true&tlsCertificateKeyFilePassword=hunter2\n');
    const config = loadConfig({
      VEXIL_MONGODB_URI_FILE: file,
      VEXIL_KEY_PEPPER: PEPPER,
      VEXIL_NATS_URL: 'nats://hunter2@a:4222,tls://user:hunter2@b',
    });
    expect(config.fleet?.mongo.uri).toContain('user:hunter2@a:1');
    const text = describeConfig(config);
    expect(text).not.toContain('hunter2');
    expect(text).toContain('fleet.mongo.uri: mongodb://***@a:1,b:2/?***\n');
    expect(text).toContain('fleet.nats.servers.0: nats://***@a:4222\n');
  });
});

describe('describeConfig', () => {
  it('shows settings and no secrets', () => {
    const text = describeConfig(loadConfig({ VEXIL_KEY_PEPPER: PEPPER, VEXIL_PORT: '0' }));
    expect(text).toContain('port: 0\n');
    expect(text).toContain('limits.flags: 5000\n');
    expect(text).toContain('keyPepper: (secret)');
    expect(text).not.toContain(PEPPER);
  });
});
