import { describe, expect, test } from 'vitest';
import { forClients, notFound, typeMismatch } from '../../../src/app/decisions.ts';
import { SubjectNames } from '../../../src/app/exposures/subject-names.ts';
import type { Rule } from '../../../src/core/model.ts';
import { BATCH_LIMITS } from '../../../src/ports/batch-tables.ts';
import { ledgerOf, openRecording, START, someone } from './recording.ts';

const ann = someone('ann');

function rule(given: Partial<Rule> = {}): Rule {
  const serve = { kind: 'variation', variation: 'on' } as const;
  return { id: 'r1', name: '', priority: 0, serve, recordExposures: true, ...given };
}

describe('what is recorded', () => {
  test('says who got what, when and how', async () => {
    const recorded = openRecording({ flags: [{ settings: { rules: [rule()] } }] });
    const { recorder, clock } = recorded;
    clock.advance(5);
    const outcome = recorded.outcome('checkout', ann);
    recorder.one('handshake', recorded.snapshot(), outcome, ann, clock.now(), 'app/1.2');
    await recorded.pass();
    const [batch] = recorded.batches();
    expect(batch).toMatchObject({
      ...{ id: 'run:1', process: 'run', sequence: 1, units: 1, acceptedSoFar: 1, losses: [] },
      place: { project: 'shop', environment: 'production' },
      hour: Math.floor(START / 3_600_000),
      contexts: [],
    });
    expect(batch?.evaluations).toEqual([
      {
        ...{ time: START + 5, flag: 'checkout', flagVersion: 1, revision: 1, variation: 'on' },
        ...{ reason: 'TARGETING_MATCH', ruleId: 'r1', subject: 'ann', source: 'handshake' },
        ...{ client: 'app/1.2', count: 1, weight: 1 },
      },
    ]);
  });

  test('is what a web key got, with the rule that it is not told', async () => {
    const recorded = openRecording({ flags: [{ clientVisible: true, settings: { rules: [rule()] } }] });
    const outcome = forClients(recorded.outcome('checkout', ann));
    expect(outcome.ruleId).toBe('');
    recorded.recorder.one('call', recorded.snapshot(), outcome, ann, recorded.clock.now());
    await recorded.pass();
    expect(recorded.batches()[0]?.evaluations).toMatchObject([{ ruleId: 'r1' }]);
  });

  test('is not what a rule decides that is not to be recorded, alone or among others', async () => {
    const silent = { key: 'silent', settings: { rules: [rule({ recordExposures: false })] } };
    const recorded = openRecording({ flags: [{ key: 'a' }, silent, { key: 'z' }] });
    const { recorder, clock } = recorded;
    const outcomes = ['a', 'silent', 'z'].map((key) => recorded.outcome(key, ann));
    recorder.many('all', recorded.snapshot(), outcomes, ann, clock.now());
    recorder.many('all', recorded.snapshot(), outcomes, someone('bob'), clock.now());
    for (const outcome of outcomes) recorder.one('call', recorded.snapshot(), outcome, ann, clock.now());
    await recorded.pass();
    const [batch] = recorded.batches();
    expect(batch?.evaluations.map(({ flag, subject }) => `${flag} ${subject}`)).toEqual([
      ...['a ann', 'z ann', 'a bob', 'z bob', 'a ann', 'z ann'],
    ]);
    expect(ledgerOf(recorded)).toMatchObject({ accepted: 6, balance: 6 });
  });

  test('is not what is said of flags that do not exist, but is what went wrong with those that do', async () => {
    const recorded = openRecording();
    const { recorder, clock } = recorded;
    recorder.one('call', recorded.snapshot(), notFound('nothing'), ann, clock.now());
    const wrong = typeMismatch(recorded.outcome('checkout', ann));
    recorder.one('call', recorded.snapshot(), wrong, ann, clock.now());
    await recorded.pass();
    expect(recorded.batches().flatMap(({ evaluations }) => evaluations)).toMatchObject([
      { flag: 'checkout', reason: 'ERROR', errorCode: 'TYPE_MISMATCH', variation: '' },
    ]);
  });

  test('is nothing in an environment that is not recorded, from the change of its settings on', async () => {
    const recorded = openRecording();
    const { recorder, clock } = recorded;
    const evaluate = () =>
      recorder.one('call', recorded.snapshot(), recorded.outcome('checkout', ann), ann, clock.now());
    evaluate();
    recorded.change({ recording: { disabled: true } });
    evaluate();
    await recorded.pass();
    expect(recorder.accepted).toBe(1);
    recorded.change({});
    evaluate();
    await recorded.pass();
    expect(recorder.accepted).toBe(2);
  });

  test('is of another batch in another hour and in another environment', async () => {
    const recorded = openRecording({ startMs: START - 1 });
    const { recorder, clock } = recorded;
    const evaluate = () =>
      recorder.one('call', recorded.snapshot(), recorded.outcome('checkout', ann), ann, clock.now());
    evaluate();
    clock.advance(1);
    evaluate();
    clock.jump(-7_200_000);
    evaluate();
    recorder.one(
      'call',
      { ...recorded.snapshot(), environment: 'staging' },
      recorded.outcome('checkout', ann),
      ann,
      clock.now(),
    );
    await recorded.pass();
    const hour = START / 3_600_000;
    expect(recorded.batches().map((batch) => [batch.hour, batch.place.environment])).toEqual([
      [hour - 1, 'production'],
      [hour, 'production'],
      [hour - 2, 'production'],
      [hour - 2, 'staging'],
    ]);
  });
});

describe('many answers at once', () => {
  const keys = Array.from({ length: 1_200 }, (_, index) => `flag-${String(index).padStart(4, '0')}`);
  const halves = rule({ rollout: { weight: 50_000 } });
  const flags = keys.map((key) => ({ key, settings: { rules: [halves] } }));

  test('are told by how they differ, and come back one by one', async () => {
    const recorded = openRecording({ flags: flags.slice(0, 350) });
    const { recorder, clock } = recorded;
    const expected: string[] = [];
    for (let user = 0; user < 20; user++) {
      const context = someone(`user ${user}`);
      const outcomes = keys.slice(0, 350).map((key) => recorded.outcome(key, context));
      recorder.many('all', recorded.snapshot(), outcomes, context, clock.now());
      expected.push(...outcomes.map(({ flag, variation }) => `user ${user} ${flag} ${variation}`));
    }
    await recorded.pass();
    const batches = recorded.batches();
    expect(
      batches
        .flatMap(({ evaluations }) => evaluations)
        .map(({ subject, flag, variation }) => `${subject} ${flag} ${variation}`),
    ).toEqual(expected);
    expect(ledgerOf(recorded)).toMatchObject({ accepted: 7_000, balance: 7_000, sequences: [1] });
  });

  test('are told apart when they are about other flags, in whatever order they come', async () => {
    const recorded = openRecording({ flags: flags.slice(0, 9) });
    const { recorder, clock } = recorded;
    const expected: string[] = [];
    for (let call = 0; call < 40; call++) {
      const context = someone(`user ${call}`);
      const chosen = keys.slice(call % 7, (call % 7) + 2);
      const outcomes = chosen.map((key) => recorded.outcome(key, context));
      recorder.many('all', recorded.snapshot(), outcomes, context, clock.now());
      expected.push(...outcomes.map(({ flag, variation }) => `${flag} ${variation}`));
    }
    await recorded.pass();
    const [batch] = recorded.batches();
    expect(batch?.evaluations.map(({ flag, variation }) => `${flag} ${variation}`)).toEqual(expected);
  });

  test('are cut when they are more than a batch should have', async () => {
    const recorded = openRecording({ flags });
    const { recorder, clock, queue } = recorded;
    for (let user = 0; user < 30; user++) {
      const context = someone(`user ${user}`);
      const outcomes = keys.map((key) => recorded.outcome(key, context));
      recorder.many('all', recorded.snapshot(), outcomes, context, clock.now());
    }
    await recorded.pass();
    expect(ledgerOf(recorded)).toMatchObject({ accepted: 36_000, stored: 36_000 });
    for (const { bytes } of queue.tries) expect(bytes.length).toBeLessThan(256 * 1024);
  });
});

describe('batches', () => {
  test('hold four thousand rows at most, and come in the order of their numbers', async () => {
    const recorded = openRecording();
    const { recorder, clock } = recorded;
    for (let user = 0; user < 9_500; user++) {
      const context = someone(`user ${user}`);
      const outcome = recorded.outcome('checkout', context);
      recorder.one('call', recorded.snapshot(), outcome, context, clock.now());
    }
    await recorded.pass();
    expect(recorded.batches().map(({ units }) => units)).toEqual([4_000, 4_000, 1_500]);
    expect(recorded.batches().map(({ acceptedSoFar }) => acceptedSoFar)).toEqual([4_000, 8_000, 9_500]);
  });

  test('stay below what a queue takes whatever callers call themselves', async () => {
    const recorded = openRecording();
    const { recorder, clock, queue } = recorded;
    for (let user = 0; user < 600; user++) {
      const context = someone(`${user}`.padEnd(BATCH_LIMITS.subjectLength, '\u0001'));
      recorder.one('call', recorded.snapshot(), recorded.outcome('checkout', ann), context, clock.now());
    }
    await recorded.pass();
    expect(ledgerOf(recorded)).toMatchObject({ accepted: 600, stored: 600 });
    for (const { bytes } of queue.tries) expect(bytes.length).toBeLessThan(BATCH_LIMITS.bytes);
  });

  test('come while a burst is still going on, so that no more than a few thousand rows wait', async () => {
    const recorded = openRecording();
    const { recorder, clock, queue } = recorded;
    const outcome = recorded.outcome('checkout', ann);
    const snapshot = recorded.snapshot();
    for (let call = 0; call < 10_000; call++) recorder.one('stream', snapshot, outcome, ann, clock.now());
    expect(recorder.accepted).toBeGreaterThan(5_000);
    await recorded.pass();
    expect(queue.kept.size).toBe(3);
    expect(recorder.accepted).toBe(10_000);
  });

  test('are not made when nobody evaluates', async () => {
    const recorded = openRecording();
    await recorded.pass(60_000);
    expect(recorded.clock.pending()).toBe(0);
    expect(recorded.queue.tries).toEqual([]);
  });
});

describe('who somebody is', () => {
  const country = { country: 'NL', email: 'ann@example.com', plan: { name: 'pro' } };

  test('is their targeting key and nothing else, unless the environment keeps more', async () => {
    const recorded = openRecording();
    const context = someone('ann', country);
    const { recorder, clock, queue } = recorded;
    recorder.one('call', recorded.snapshot(), recorded.outcome('checkout', context), context, clock.now());
    await recorded.pass();
    expect(recorded.batches()[0]?.contexts).toEqual([]);
    expect(Buffer.concat([...queue.kept.values()]).toString()).not.toContain('example.com');
  });

  test('is told with the attributes that are kept, once, until they change or were long ago', async () => {
    const recorded = openRecording({ recording: { keptAttributes: ['country', 'plan', 'missing'] } });
    const { recorder, clock } = recorded;
    const evaluate = async (context = someone('ann', country)) => {
      recorder.one('call', recorded.snapshot(), recorded.outcome('checkout', context), context, clock.now());
      await recorded.pass();
      return recorded.batches().at(-1)?.contexts;
    };
    expect(await evaluate()).toEqual([
      { subject: 'ann', attributes: { country: 'NL', plan: { name: 'pro' } }, seenAt: START },
    ]);
    expect(await evaluate()).toEqual([]);
    expect(await evaluate(someone('ann', { country: 'DE' }))).toMatchObject([
      { attributes: { country: 'DE' } },
    ]);
    expect(await evaluate(someone('', country))).toEqual([]);
    expect(await evaluate(someone('bob', { email: 'bob@example.com' }))).toMatchObject([
      { subject: 'bob', attributes: {} },
    ]);
    for (let turn = 0; turn < 3; turn++) {
      clock.advance(10 * 60_000);
      await evaluate(someone('bob', country));
    }
    expect(await evaluate()).toHaveLength(1);
  });

  test.each([
    ['a text that is too long', 'x'.repeat(2_000)],
    ['a list that is too long', Array.from({ length: 100 }, (_, index) => index)],
    ['what nests too deep', JSON.parse(`${'['.repeat(40)}${']'.repeat(40)}`)],
  ])('is told without %s', async (_, plan) => {
    const recorded = openRecording({ recording: { keptAttributes: ['country', 'plan'] } });
    const { recorder, clock } = recorded;
    const context = someone('ann', { country: 'NL', plan });
    recorder.one('call', recorded.snapshot(), recorded.outcome('checkout', context), context, clock.now());
    await recorded.pass();
    expect(recorded.batches()[0]?.contexts).toMatchObject([{ attributes: { country: 'NL' } }]);
  });

  test('is told under names that every object has', async () => {
    const recorded = openRecording({ recording: { keptAttributes: ['__proto__', 'constructor'] } });
    const { recorder, clock } = recorded;
    const attributes = JSON.parse('{"__proto__":{"a":1},"x":1}');
    const context = someone('ann', attributes);
    recorder.one('call', recorded.snapshot(), recorded.outcome('checkout', context), context, clock.now());
    await recorded.pass();
    expect(JSON.stringify(recorded.batches()[0]?.contexts[0]?.attributes)).toBe('{"__proto__":{"a":1}}');
  });

  test('is a keyed hash where targeting keys are not kept, the same one everywhere', async () => {
    const place = { project: 'shop', environment: 'production' };
    const name = new SubjectNames('pepper', place).of('ann');
    expect(name).toMatch(/^[0-9a-f]{32}$/);
    expect(new SubjectNames('pepper', { ...place, environment: 'staging' }).of('ann')).not.toBe(name);
    expect(new SubjectNames('salt', place).of('ann')).not.toBe(name);
    const recorded = openRecording({
      recording: { hashTargetingKeys: true, keptAttributes: ['country'] },
    });
    const { recorder, clock, queue } = recorded;
    for (const key of ['ann', '', 'ann']) {
      const context = someone(key, country);
      recorder.one('call', recorded.snapshot(), recorded.outcome('checkout', context), context, clock.now());
    }
    await recorded.pass();
    const [batch] = recorded.batches();
    expect(batch?.evaluations.map(({ subject }) => subject)).toEqual([name, '', name]);
    expect(batch?.contexts.map(({ subject }) => subject)).toEqual([name]);
    expect(Buffer.concat([...queue.kept.values()]).toString()).not.toContain('"ann"');
  });
});
