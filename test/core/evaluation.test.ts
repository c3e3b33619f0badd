import { describe, expect, it } from 'vitest';
import { EMPTY_CONTEXT } from '../../src/core/context.ts';
import { Evaluation } from '../../src/core/evaluation.ts';
import { explain } from '../../src/core/explain.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { updateSnapshot } from '../../src/core/snapshot.ts';
import { compileVector, loadVectors, type Scenario, type ScenarioCase, snapshotOf } from '../vectors/load.ts';

const files = ['evaluation.json', 'ramps.json'];
const scenarios = files.flatMap((file) => loadVectors<Scenario[]>(file));

function asked({ flags }: Scenario, { flag, context, now = '2026-01-01T00:00:00.000Z' }: ScenarioCase) {
  return {
    key: flag ?? flags[0]?.key ?? '',
    context: { ...EMPTY_CONTEXT, ...context },
    nowMs: Date.parse(now),
  };
}

describe.each(scenarios)('$name', (scenario) => {
  const snapshot = snapshotOf(scenario);

  it.each(scenario.cases.map((each, index) => ({ index, each })))('case $index', ({ each }) => {
    const { key, context, nowMs } = asked(scenario, each);
    const evaluation = new Evaluation(snapshot, context, nowMs);
    const outcome = evaluation.flag(key);
    for (const [field, value] of Object.entries(each.expect)) {
      expect.soft(outcome[field as keyof Outcome], field).toEqual(value ?? undefined);
    }
    if (each.changesAt !== undefined) {
      const at = evaluation.changesAt;
      expect(Number.isFinite(at) ? new Date(at).toISOString() : null).toBe(each.changesAt);
    }
    expect(explain(snapshot, key, context, nowMs).outcome).toEqual(outcome);
  });
});

describe('an evaluation', () => {
  it('gives the same object for the same outcome', () => {
    const snapshot = snapshotOf({
      flags: [{ key: 'a', settings: { rules: [{ rollout: { weight: 50_000 } }] } }],
    });
    const outcomes = ['u1', 'u2', 'u3', 'u4', 'u5', 'u6', 'u7', 'u8'].map((targetingKey) =>
      new Evaluation(snapshot, { targetingKey, attributes: {} }, 0).flag('a'),
    );
    expect(new Set(outcomes).size).toBe(2);
  });

  it('answers every flag in the order of the keys, as one by one', () => {
    const snapshot = snapshotOf({
      flags: [
        { key: 'b', settings: { prerequisites: [{ flag: 'a', variations: ['on'] }] } },
        { key: 'a10' },
        { key: 'a' },
        { key: 'c', settings: { prerequisites: [{ flag: 'c', variations: ['off'] }] } },
        { key: 'a-b' },
      ],
    });
    const evaluation = Evaluation.ofMany(snapshot, EMPTY_CONTEXT, 0);
    const seen = snapshot.sortedFlags().map((flag) => evaluation.answer(flag));
    expect(evaluation.changesAt).toBe(Number.POSITIVE_INFINITY);
    expect(seen.map(({ flag }) => flag)).toEqual(['a', 'a-b', 'a10', 'b', 'c']);
    for (const outcome of seen)
      expect(new Evaluation(snapshot, EMPTY_CONTEXT, 0).flag(outcome.flag)).toBe(outcome);
  });

  it('takes linear time for a dense graph of prerequisites', () => {
    const keys = Array.from({ length: 60 }, (_, index) => `f${index}`);
    const snapshot = snapshotOf({
      flags: keys.map((key, index) => ({
        key,
        settings: {
          prerequisites: keys.slice(index + 1).map((flag) => ({ flag, variations: ['on', 'off'] })),
        },
      })),
    });
    expect(new Evaluation(snapshot, EMPTY_CONTEXT, 0).flag('f0').reason).toBe('DEFAULT');
  });

  it('cuts a chain of prerequisites that no limit would allow', () => {
    const keys = Array.from({ length: 3000 }, (_, index) => `f${index}`);
    const flags = keys.map((key, index) => ({
      key,
      settings: { prerequisites: [{ flag: `f${index + 1}`, variations: ['on'] }], rules: [{}] },
    }));
    const snapshot = snapshotOf({ flags: [...flags, { key: 'f3000', settings: { rules: [{}] } }] });
    expect(new Evaluation(snapshot, EMPTY_CONTEXT, 0).flag('f2950').reason).toBe('TARGETING_MATCH');
    expect(new Evaluation(snapshot, EMPTY_CONTEXT, 0).flag('f0').reason).toBe('DEPENDENCY_UNMET');
  });

  it('answers flags in a circle the same whichever is asked first', () => {
    const circle = ['a', 'b', 'c'].map((key, index, keys) => ({
      key,
      settings: {
        prerequisites: [{ flag: keys[(index + 1) % 3] ?? '', variations: index === 1 ? ['off'] : ['on'] }],
        rules: [{}],
      },
    }));
    const snapshot = snapshotOf({ flags: circle });
    const together = new Evaluation(snapshot, EMPTY_CONTEXT, 0);
    for (const key of ['b', 'a', 'c', 'b', 'a']) {
      expect(together.flag(key), key).toBe(new Evaluation(snapshot, EMPTY_CONTEXT, 0).flag(key));
    }
  });

  it('answers ERROR and GENERAL when something throws, and goes on', () => {
    const good = compileVector({ key: 'good' });
    const bad = compileVector({ key: 'bad' });
    const decide = () => {
      throw new TypeError('a mistake');
    };
    const snapshot = updateSnapshot(snapshotOf({ flags: [] }), {
      revision: 2,
      flags: { upserts: [good, { ...bad, decide }] },
    });
    const evaluation = new Evaluation(snapshot, EMPTY_CONTEXT, 0);
    expect(evaluation.flag('bad')).toMatchObject({ reason: 'ERROR', errorCode: 'GENERAL', variation: 'off' });
    expect(evaluation.flag('good').reason).toBe('DEFAULT');
  });
});
