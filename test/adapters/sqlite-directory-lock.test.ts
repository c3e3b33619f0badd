import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lockDirectory } from '../../src/adapters/sqlite/directory-lock.ts';
import { temporaryDirectory } from '../contract/sqlite-stores.ts';

const MODULE = new URL('../../src/adapters/sqlite/directory-lock.ts', import.meta.url);
const NOW = { as: 'a test', patienceMs: 0 };

/** Another process that has the lock until it is killed. */
async function holder(directory: string) {
  const script = `const { lockDirectory } = await import(${JSON.stringify(MODULE.href)});
    await lockDirectory(${JSON.stringify(directory)}, { as: 'a holder' });
    console.log('locked');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return {
    pid: child.pid,
    async kill() {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

describe('the lock of a data directory', () => {
  it('keeps other processes out, names who has it, and is gone with its process', async () => {
    await using directory = await temporaryDirectory();
    const other = await holder(directory.path);
    try {
      await expect(lockDirectory(directory.path, NOW)).rejects.toMatchObject({
        kind: 'failed_precondition',
        message: expect.stringContaining(`${directory.path} is in use by process ${other.pid} (a holder on `),
      });
    } finally {
      await other.kill();
    }
    using _lock = await lockDirectory(directory.path, NOW);
    expect(readFileSync(join(directory.path, 'instance.pid'), 'utf8')).toMatch(
      new RegExp(`^${process.pid} \\(a test on .+\\)\n$`),
    );
  });

  it('keeps others out also after an attempt of the same process', async () => {
    await using directory = await temporaryDirectory();
    const inUse = `in use by process ${process.pid} `;
    using _lock = await lockDirectory(directory.path, NOW);
    await expect(lockDirectory(directory.path, NOW)).rejects.toThrow(inUse);
    const script = `const { lockDirectory } = await import(${JSON.stringify(MODULE.href)});
      await lockDirectory(${JSON.stringify(directory.path)}, { as: 'x', patienceMs: 0 }).catch((e) => console.log(e.message));`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
    const [said] = await once(child.stdout, 'data');
    expect(String(said)).toContain(inUse);
  });

  it('waits for one who is just leaving', async () => {
    await using directory = await temporaryDirectory();
    const first = await lockDirectory(directory.path, NOW);
    const second = lockDirectory(directory.path, { as: 'the next', patienceMs: 10_000 });
    first[Symbol.dispose]();
    using _second = await second;
    first[Symbol.dispose]();
    expect(readFileSync(join(directory.path, 'instance.pid'), 'utf8')).toContain('the next');
  });

  it('makes the directory for this user only, and leaves nobody named in it', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'new');
    (await lockDirectory(path, NOW))[Symbol.dispose]();
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(statSync(join(path, 'instance.lock')).mode & 0o777).toBe(0o600);
    expect(existsSync(join(path, 'instance.pid'))).toBe(false);
  });

  it('locks where it cannot say who has it', async () => {
    await using directory = await temporaryDirectory();
    symlinkSync(join(directory.path, 'missing', 'file'), join(directory.path, 'instance.pid'));
    using _lock = await lockDirectory(directory.path, NOW);
    await expect(lockDirectory(directory.path, NOW)).rejects.toThrow('in use by another process');
  });
});
