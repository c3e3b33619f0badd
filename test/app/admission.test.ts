import { describe, expect, it } from 'vitest';
import { Admission, type AdmissionLimits } from '../../src/app/admission.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const LIMITS: AdmissionLimits = {
  ...{ callsPerKeyPerSecond: 10, streamsPerKey: 2, streamsPerAddress: 3, openStreamsPerAddress: 1 },
  refusedKeysPerAddressPerSecond: 5,
};

function setUp(limits: Partial<AdmissionLimits> = {}) {
  const clock = createFakeClock();
  return { clock, admission: new Admission({ ...LIMITS, ...limits }, clock) };
}

const refused = (reason: string) =>
  expect.objectContaining({ kind: 'exhausted', details: expect.objectContaining({ reason }) });

describe('admission', () => {
  it('lets a key make its calls of a second, then as many as time gives back, and says when to come again', () => {
    const { clock, admission } = setUp();
    for (let call = 0; call < 10; call++) admission.call('a');
    expect(() => admission.call('a')).toThrow(refused('CALLS_PER_KEY'));
    expect(() => admission.call('a')).toThrow(
      expect.objectContaining({ details: expect.objectContaining({ retryAfterMs: 100 }) }),
    );
    admission.call('b');
    clock.advance(200);
    admission.call('a');
    admission.call('a');
    expect(() => admission.call('a')).toThrow(refused('CALLS_PER_KEY'));
  });

  it('counts the messages of streams as calls, of as many streams as there are', () => {
    const { clock, admission } = setUp();
    const [first, second] = [admission.callCounter('a'), admission.callCounter('a')];
    for (let message = 0; message < 4; message++) {
      first();
      second();
    }
    admission.call('a');
    first();
    for (const count of [first, second, () => admission.call('a')])
      expect(count).toThrow(refused('CALLS_PER_KEY'));
    admission.callCounter('b')();
    clock.advance(100);
    second();
    expect(first).toThrow(refused('CALLS_PER_KEY'));
    // However long nobody asks, there is one second's worth.
    clock.advance(60_000);
    for (let message = 0; message < 5; message++) {
      first();
      admission.call('a');
    }
    expect(second).toThrow(refused('CALLS_PER_KEY'));
  });

  it('counts exactly also where many are let in at a time', () => {
    const { clock, admission } = setUp({ callsPerKeyPerSecond: 12_345 });
    const count = admission.callCounter('a');
    for (let call = 0; call < 12_345; call++) (call % 3 === 0 ? () => admission.call('a') : count)();
    expect(count).toThrow(refused('CALLS_PER_KEY'));
    clock.advance(500);
    for (let call = 0; call < 6_172; call++) count();
    expect(count).toThrow(refused('CALLS_PER_KEY'));
  });

  it('tells an address that has tried too many wrong keys to wait', () => {
    const { clock, admission } = setUp();
    for (let attempt = 0; attempt < 5; attempt++) admission.refused('1.2.3.4');
    expect(() => admission.refused('1.2.3.4')).toThrow(refused('REFUSED_KEYS'));
    admission.refused('5.6.7.8');
    clock.advance(1_000);
    admission.refused('1.2.3.4');
  });

  it('counts streams per key and per address until they end, however often that is said', () => {
    const { admission } = setUp();
    const first = admission.stream('a', 'x');
    admission.stream('a', 'x');
    expect(() => admission.stream('a', 'x')).toThrow(refused('STREAMS_PER_KEY'));
    admission.stream('b', 'x');
    expect(() => admission.stream('b', 'x')).toThrow(refused('STREAMS_PER_ADDRESS'));
    // The one that was refused for its address does not count for its key.
    admission.stream('b', 'y');
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    admission.stream('a', 'y');
    expect(() => admission.stream('a', 'y')).toThrow(refused('STREAMS_PER_KEY'));
  });

  it('knows no limit where none is set', () => {
    const { admission } = setUp({
      callsPerKeyPerSecond: 0,
      streamsPerKey: 0,
      streamsPerAddress: 0,
      openStreamsPerAddress: 0,
    });
    for (let each = 0; each < 1_000; each++) {
      admission.call('a');
      admission.callCounter('a')();
      admission.stream('a', 'x');
    }
  });
});
