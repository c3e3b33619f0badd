import { describe, expect, it } from 'vitest';
import { createRefusalLog } from '../../src/server/refusal-log.ts';
import { createFakeClock } from '../support/fake-clock.ts';

function setUp() {
  const clock = createFakeClock();
  const lines: object[] = [];
  const log = createRefusalLog({ clock, write: (fields, msg) => void lines.push({ ...fields, msg }) });
  const refuse = (reason: string) =>
    log.add({ method: 'S/M', reason, why: 'no', address: '10.0.0.1', key: 'K' });
  return { clock, lines, log, refuse, take: () => lines.splice(0) };
}

describe('the log of refusals', () => {
  it('says of each who it was, what they wanted and why not', () => {
    const { refuse, lines } = setUp();
    refuse('KEY_INVALID');
    expect(lines).toEqual([
      { msg: 'refused', method: 'S/M', reason: 'KEY_INVALID', why: 'no', address: '10.0.0.1', key: 'K' },
    ]);
  });

  it('names the trace that a call belongs to', () => {
    const { log, take } = setUp();
    log.add({ method: 'S/M', reason: 'R', why: 'no', address: '10.0.0.1', traceId: 'abc' });
    expect(take()).toEqual([
      { msg: 'refused', method: 'S/M', reason: 'R', why: 'no', address: '10.0.0.1', trace_id: 'abc' },
    ]);
  });

  it('writes ten of a reason in a second, and then how many more there were', () => {
    const { clock, refuse, take } = setUp();
    for (let each = 0; each < 1_000_000; each++) refuse('KEY_INVALID');
    expect(take()).toHaveLength(10);
    clock.advance(1_000);
    expect(take()).toEqual([
      { msg: 'refused more often than is written down', reason: 'KEY_INVALID', suppressed: 999_990 },
    ]);
    refuse('KEY_INVALID');
    expect(take()).toHaveLength(1);
    clock.advance(60_000);
    expect(take()).toEqual([]);
    expect(clock.pending()).toBe(0);
  });

  it('lets no reason hide another', () => {
    const { refuse, take } = setUp();
    for (let each = 0; each < 50; each++) refuse('KEY_INVALID');
    refuse('SCOPE_MISSING');
    expect(take().at(-1)).toMatchObject({ reason: 'SCOPE_MISSING' });
  });

  it('says what it has to say before it goes', () => {
    const { clock, log, refuse, take } = setUp();
    for (let each = 0; each < 12; each++) refuse('KEY_INVALID');
    take();
    log[Symbol.dispose]();
    expect(take()).toMatchObject([{ suppressed: 2 }]);
    expect(clock.pending()).toBe(0);
  });
});
