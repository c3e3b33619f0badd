import { describe, expect, it } from 'vitest';
import { FlagError } from '../../src/core/errors.ts';
import { createLogger } from '../../src/server/logger.ts';

function logged(write: (log: ReturnType<typeof createLogger>) => void): { line: string; fields: unknown } {
  const lines: string[] = [];
  write(createLogger('info', { write: (line) => void lines.push(line) }));
  const [line] = lines;
  if (line === undefined || lines.length !== 1) throw new Error(`${lines.length} lines were written`);
  return { line, fields: JSON.parse(line) };
}

describe('createLogger', () => {
  it('writes the level as a word and the time in ISO 8601', () => {
    const { fields } = logged((log) => log.warn({ flag: 'a' }, 'hello'));
    expect(fields).toMatchObject({
      level: 'warn',
      msg: 'hello',
      flag: 'a',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    });
  });

  it('leaves secrets out', () => {
    const secret = 'vx_server_1234';
    const { line } = logged((log) =>
      log.info({
        authorization: secret,
        headers: { 'x-api-key': secret },
        request: { headers: { authorization: secret } },
      }),
    );
    expect(line).not.toContain(secret);
  });

  it('keeps what callers send on one line and out of the terminal', () => {
    const hostile = 'a\r\n{"level":"fatal"}\u001b[2J\u009b2J\u2028\u202etxt';
    const { line, fields } = logged((log) => log.info({ agent: hostile }, hostile));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    expect(line.trimEnd()).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u202e]/);
    expect(fields).toMatchObject({ agent: hostile, msg: hostile });
  });

  it('says what is wrong with something that goes on, why, and nothing that only fills the disk', () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), {
      code: 'ECONNREFUSED',
      servers: Array.from({ length: 1_000 }, () => 'unknown'),
    });
    const error = new FlagError('unavailable', 'the store cannot be reached', {
      ...{ reason: 'STORE_UNREACHABLE', retryAfterMs: 1_000, cause },
    });
    const { fields } = logged((log) => log.warn({ project: 'shop', error }, 'cannot reach the log'));
    expect(fields).toMatchObject({ project: 'shop', msg: 'cannot reach the log' });
    expect(fields).toHaveProperty('error', {
      ...{ name: 'FlagError', reason: 'STORE_UNREACHABLE', message: 'the store cannot be reached' },
      cause: { name: 'Error', reason: 'ECONNREFUSED', message: 'connect ECONNREFUSED 127.0.0.1:1' },
    });
  });

  it('shows where a mistake of ours was made', () => {
    const { fields } = logged((log) => log.warn({ error: new TypeError('no') }, 'a subscriber failed'));
    expect(fields).toHaveProperty('error.stack', expect.stringContaining('logger.test'));
  });

  it('does not follow causes that cause each other', () => {
    const error = new Error('round');
    error.cause = error;
    const { line } = logged((log) => log.warn({ error }, 'and round'));
    expect(line.length).toBeLessThan(1_000);
  });
});
