import { describe, expect, it } from 'vitest';
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
});
