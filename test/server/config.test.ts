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

describe('describeConfig', () => {
  it('shows settings and no secrets', () => {
    const text = describeConfig(loadConfig({ VEXIL_KEY_PEPPER: PEPPER, VEXIL_PORT: '0' }));
    expect(text).toContain('port: 0\n');
    expect(text).toContain('limits.flags: 5000\n');
    expect(text).toContain('keyPepper: (secret)');
    expect(text).not.toContain(PEPPER);
  });
});
