import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDataDirectory } from '../../src/server/data-directory.ts';
import { temporaryDirectory } from '../contract/sqlite-stores.ts';

describe('a data directory', () => {
  it('makes its secrets once, whole, and for their owner only', async () => {
    await using directory = await temporaryDirectory();
    const data = openDataDirectory(join(directory.path, 'data'));
    const [pepper, token] = [data.pepper(), data.adminToken()];
    expect([pepper, token]).toEqual([
      expect.stringMatching(/^[0-9a-f]{64}$/),
      expect.stringMatching(/^vx_admin_/),
    ]);
    const again = openDataDirectory(data.path);
    expect([again.pepper(), again.adminToken()]).toEqual([pepper, token]);
    expect(readdirSync(data.path).sort()).toEqual(['admin.key', 'pepper']);
    for (const file of ['admin.key', 'pepper'])
      expect(statSync(join(data.path, file)).mode & 0o777).toBe(0o600);
  });

  it('does not take for a secret what was left half written', async () => {
    await using directory = await temporaryDirectory();
    writeFileSync(join(directory.path, 'pepper.new'), '');
    expect(openDataDirectory(directory.path).pepper()).toMatch(/^[0-9a-f]{64}$/);
  });

  it('remembers which pepper was agreed on, and lives without knowing', async () => {
    await using directory = await temporaryDirectory();
    const data = openDataDirectory(directory.path);
    expect(data.agreedPepper()).toBeUndefined();
    for (const fingerprint of ['0123456789ab', 'ba9876543210', 'ba9876543210']) {
      data.noteAgreedPepper(fingerprint);
      expect(openDataDirectory(directory.path).agreedPepper()).toBe(fingerprint);
    }
    // What cannot be written.
    mkdirSync(join(directory.path, 'pepper.agreed.new'));
    data.noteAgreedPepper('0123456789ab');
    expect(readFileSync(join(directory.path, 'pepper.agreed'), 'utf8')).toBe('ba9876543210\n');
    expect(existsSync(join(directory.path, 'pepper'))).toBe(false);
  });
});
