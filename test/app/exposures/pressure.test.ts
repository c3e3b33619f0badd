import { describe, expect, test } from 'vitest';
import { Sample, weightAt } from '../../../src/app/exposures/pressure.ts';
import { ledgerOf, openRecording, type Recorded, someone } from './recording.ts';

const MIB = 2 ** 20;

/** So many of them evaluate, once each; what they are called takes room. */
async function crowd(recorded: Recorded, from: number, to: number): Promise<void> {
  const { recorder, clock } = recorded;
  const snapshot = recorded.snapshot();
  for (let user = from; user < to; user++) {
    const context = someone(`${user} `.padEnd(200, 'x'));
    recorder.one('call', snapshot, recorded.outcome('checkout', context), context, clock.now());
    if (user % 500 === 0) await recorded.pass();
  }
  await recorded.pass(3_000);
}

describe('while the queue takes nothing', () => {
  test('memory stays below what was allowed, and everything is accounted for once it is back', async () => {
    const recorded = openRecording({ maxBytes: MIB });
    const { recorder, queue } = recorded;
    queue.mood = 'unavailable';
    let most = 0;
    for (let user = 0; user < 60_000; user += 2_000) {
      await crowd(recorded, user, user + 2_000);
      most = Math.max(most, recorder.bytes);
    }
    expect(most).toBeGreaterThan(0.9 * MIB);
    expect(most).toBeLessThanOrEqual(MIB);
    expect(recorder.lostFor('sampled')).toBeGreaterThan(0);
    expect(recorder.lostFor('buffer_full')).toBeGreaterThan(0);
    expect(queue.kept.size).toBe(0);

    queue.connect();
    await recorded.pass(20_000);
    const { accepted, balance, lost, sequences } = ledgerOf(recorded);
    expect([accepted, balance]).toEqual([60_000, 60_000]);
    expect(lost).toEqual({
      sampled: recorder.lostFor('sampled'),
      buffer_full: recorder.lostFor('buffer_full'),
    });
    expect(recorder.lost).toBe(60_000 - ledgerOf(recorded).stored);
    expect(sequences).toEqual(sequences.map((_, index) => index + 1));
    expect(recorder.bytes).toBe(0);
  });

  test('memory stays below what was allowed although it is for many environments', async () => {
    const recorded = openRecording({ maxBytes: 4 * MIB });
    const { recorder, queue, clock } = recorded;
    queue.mood = 'unavailable';
    const snapshots = Array.from({ length: 300 }, (_, index) => ({
      ...recorded.snapshot(),
      environment: `environment-${index}`,
    }));
    let most = 0;
    for (let user = 0; user < 200; user++) {
      const context = someone(`${user} `.padEnd(200, 'x'));
      const outcome = recorded.outcome('checkout', context);
      for (const snapshot of snapshots) recorder.one('call', snapshot, outcome, context, clock.now());
      most = Math.max(most, recorder.bytes);
    }
    expect(most).toBeLessThanOrEqual(4 * MIB);
    expect([recorder.accepted, recorder.lost > 0]).toEqual([60_000, true]);
    queue.connect();
    await recorded.pass(20_000);
    expect(ledgerOf(recorded)).toMatchObject({ accepted: 60_000, balance: 60_000 });
  });

  test('reports are refused while there is still room for evaluations', async () => {
    const recorded = openRecording({ maxBytes: MIB });
    const { recorder, queue, clock } = recorded;
    queue.mood = 'unavailable';
    const place = { project: 'shop', environment: 'production' };
    const report = async () => {
      const events = Array.from({ length: 20 }, (_, user) => ({
        ...{ event: 'order', kind: 'metric' as const, count: 1, time: clock.now() },
        subject: `${user} `.padEnd(4_000, 'x'),
      }));
      await recorder.reported({ place, evaluations: [], events });
    };
    const made = Array.from({ length: 30 }, () =>
      report().then(
        () => 'accepted',
        () => 'refused',
      ),
    );
    await expect(report()).rejects.toMatchObject({ kind: 'exhausted' });
    expect(recorder.bytes).toBeLessThan(0.85 * MIB);
    const { accepted } = recorder;
    const snapshot = recorded.snapshot();
    recorder.many('all', snapshot, [recorded.outcome('checkout', someone(''))], someone(''), clock.now());
    expect([recorder.accepted, recorder.lostFor('buffer_full')]).toEqual([accepted + 1, 0]);
    queue.connect();
    await recorded.pass(20_000);
    expect(new Set(await Promise.all(made))).toEqual(new Set(['accepted', 'refused']));
  });

  test('losses are told although nobody evaluates any more', async () => {
    const recorded = openRecording({ maxBytes: MIB });
    recorded.queue.mood = 'exhausted';
    await crowd(recorded, 0, 30_000);
    recorded.queue.connect();
    await recorded.pass(20_000);
    const last = recorded.batches().at(-1);
    expect(last).toMatchObject({ units: 0, acceptedSoFar: 30_000 });
    expect(last?.losses.map(({ reason }) => reason)).toContain('buffer_full');
    expect(ledgerOf(recorded)).toMatchObject({ accepted: 30_000, balance: 30_000 });
    expect(recorded.clock.pending()).toBe(0);
  });

  test('equal evaluations are put together once half of the memory is taken, and not before', async () => {
    const recorded = openRecording({ maxBytes: MIB, flags: [{ key: 'a' }, { key: 'b' }] });
    const { recorder, clock, queue } = recorded;
    queue.mood = 'unavailable';
    const ann = someone('ann');
    const many = async () => {
      const outcomes = ['a', 'b'].map((key) => recorded.outcome(key, ann));
      for (let call = 0; call < 100; call++) {
        recorder.many('all', recorded.snapshot(), outcomes, ann, clock.now());
        for (const outcome of outcomes) recorder.one('call', recorded.snapshot(), outcome, ann, clock.now());
      }
      await recorded.pass(3_000);
    };
    await many();
    const context = (user: number) => someone(`${user} `.padEnd(400, 'x'));
    for (let user = 0; user < 1_500; user++)
      recorder.one('call', recorded.snapshot(), recorded.outcome('a', ann), context(user), clock.now());
    await recorded.pass(3_000);
    expect(recorder.bytes).toBeGreaterThan(0.55 * MIB);
    await many();
    queue.connect();
    await recorded.pass(20_000);
    const counts = recorded.batches().map(({ evaluations }) => evaluations.map(({ count }) => count));
    expect(new Set(counts[0])).toEqual(new Set([1]));
    expect(counts.at(-1)).toEqual([100, 100, 100, 100]);
    expect(ledgerOf(recorded)).toMatchObject({ accepted: 2_300, stored: 2_300, lost: {} });
  });
});

describe('a sample', () => {
  test('begins at three quarters and gets thinner by halves', () => {
    expect([0, 0.5, 0.74, 0.75, 0.79, 0.81, 0.86, 0.96, 1, 7].map(weightAt)).toEqual([
      ...[1, 1, 1, 2, 2, 4, 8, 32, 64, 64],
    ]);
  });

  test('keeps one of so many subjects, and of those who stay in a thinner one all in a denser', () => {
    const sample = new Sample();
    const everybody = Array.from({ length: 20_000 }, (_, index) => `user ${index}`);
    const kept = (weight: number) => everybody.filter((subject) => sample.keeps(subject, weight));
    for (const weight of [2, 4, 16]) {
      expect(kept(weight).length).toBeGreaterThan(0.85 * (20_000 / weight));
      expect(kept(weight).length).toBeLessThan(1.15 * (20_000 / weight));
    }
    const dense = new Set(kept(2));
    for (const subject of kept(8)) expect(dense.has(subject)).toBe(true);
  });

  test('keeps one of so many whom nobody knows', () => {
    const sample = new Sample();
    expect(Array.from({ length: 100 }, () => sample.keeps('', 4)).filter(Boolean)).toHaveLength(25);
  });

  test('leaves rates what they are: each that stays counts for those that do not', async () => {
    const recorded = openRecording({
      maxBytes: MIB,
      flags: [{ settings: { rules: [split()] } }],
    });
    recorded.queue.mood = 'unavailable';
    await crowd(recorded, 0, 3_600);
    const filled = recorded.recorder.accepted;
    expect(recorded.recorder.lostFor('sampled')).toBe(0);
    await crowd(recorded, 3_600, 6_200);
    expect(recorded.recorder.lostFor('sampled')).toBeGreaterThan(500);
    expect(recorded.recorder.lostFor('buffer_full')).toBe(0);
    recorded.queue.connect();
    await recorded.pass(20_000);
    const sampled = recorded
      .batches()
      .flatMap(({ evaluations }) => evaluations)
      .slice(filled);
    const estimate = (variation: string) =>
      sampled.filter((each) => each.variation === variation).reduce((sum, { weight }) => sum + weight, 0);
    expect(estimate('on') + estimate('off')).toBeGreaterThan(0.85 * 2_600);
    expect(estimate('on') + estimate('off')).toBeLessThan(1.15 * 2_600);
    expect(estimate('on') / estimate('off')).toBeGreaterThan(0.8);
    expect(estimate('on') / estimate('off')).toBeLessThan(1.25);
  });
});

function split() {
  return {
    ...{ id: 'half', name: '', priority: 0, recordExposures: true },
    serve: {
      kind: 'split' as const,
      variations: [
        { variation: 'on', weight: 50_000 },
        { variation: 'off', weight: 50_000 },
      ],
    },
  };
}
