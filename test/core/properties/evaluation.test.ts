import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileFlag } from '../../../src/core/compile-flag.ts';
import { Evaluation } from '../../../src/core/evaluation.ts';
import { explain } from '../../../src/core/explain.ts';
import { DEFAULT_LIMITS } from '../../../src/core/limits.ts';
import type { FlagSettings } from '../../../src/core/model.ts';
import { affectedFlags, buildSnapshot, updateSnapshot } from '../../../src/core/snapshot.ts';
import { validateFlag } from '../../../src/core/validate-flag.ts';
import { validateSettings } from '../../../src/core/validate-settings.ts';
import { compileVector, completeFlag, completeSettings, snapshotOf } from '../../vectors/load.ts';
import { contexts, environments, FLAG_KEYS, nows } from './arbitraries.ts';

const RUNS = { numRuns: 150, seed: 20_260_301 };

describe('any environment and any context', () => {
  it('are answered, all at once as one by one, and explained the same', () => {
    fc.assert(
      fc.property(environments, contexts, nows, (environment, context, nowMs) => {
        const snapshot = snapshotOf(environment);
        const evaluation = Evaluation.ofMany(snapshot, context, nowMs);
        const all = new Map(snapshot.sortedFlags().map((flag) => [flag.key, evaluation.answer(flag)]));
        expect([...all.keys()]).toEqual([...snapshot.flags.keys()].toSorted());
        for (const key of [...FLAG_KEYS, 'missing']) {
          const outcome = new Evaluation(snapshot, context, nowMs).flag(key);
          if (snapshot.flags.has(key)) expect(all.get(key)).toBe(outcome);
          else expect(outcome.errorCode).toBe('FLAG_NOT_FOUND');
          expect(outcome.errorCode).not.toBe('GENERAL');
          expect(explain(snapshot, key, context, nowMs).outcome).toEqual(outcome);
        }
      }),
      RUNS,
    );
  });

  it('give the same answer until the time that the evaluation names', () => {
    fc.assert(
      fc.property(environments, contexts, nows, nows, (environment, context, nowMs, laterMs) => {
        const snapshot = snapshotOf(environment);
        for (const key of snapshot.flags.keys()) {
          const evaluation = new Evaluation(snapshot, context, nowMs);
          const outcome = evaluation.flag(key);
          expect(evaluation.changesAt).toBeGreaterThan(nowMs);
          const until = Math.min(evaluation.changesAt - 1, Math.max(nowMs, laterMs));
          expect(new Evaluation(snapshot, context, until).flag(key)).toBe(outcome);
          expect(new Evaluation(snapshot, context, Math.floor((nowMs + until) / 2)).flag(key)).toBe(outcome);
        }
      }),
      RUNS,
    );
  });

  it('give a static answer only where no context and no time changes it', () => {
    fc.assert(
      fc.property(environments, contexts, contexts, nows, nows, (environment, one, other, now, later) => {
        const snapshot = snapshotOf(environment);
        for (const key of snapshot.flags.keys()) {
          const outcome = new Evaluation(snapshot, one, now).flag(key);
          if (outcome.isStatic) expect(new Evaluation(snapshot, other, later).flag(key)).toBe(outcome);
        }
      }),
      RUNS,
    );
  });

  it('give a halted flag its default, whatever shape it has', () => {
    fc.assert(
      fc.property(environments, contexts, nows, (environment, context, nowMs) => {
        const halt = { by: 'key:a', reason: 'errors rose', at: '2026-01-01T00:00:00.000Z' };
        const active = environment.flags.filter(({ status }) => status === 'active');
        const halted = active.map((flag) => ({ ...flag, settings: { ...flag.settings, halt } }));
        const snapshot = snapshotOf({ ...environment, flags: halted });
        for (const { key, settings } of halted) {
          expect(new Evaluation(snapshot, context, nowMs).flag(key)).toMatchObject({
            ...{ reason: 'HALTED', detail: 'errors rose', isStatic: true },
            variation: settings.defaultVariation ?? 'off',
          });
        }
      }),
      RUNS,
    );
  });
});

describe('any change of a flag', () => {
  it('changes no answer of a flag that it is not said to affect', () => {
    fc.assert(
      fc.property(environments, environments, contexts, nows, (before, after, context, nowMs) => {
        const snapshot = snapshotOf(before);
        const [flag] = after.flags;
        if (flag === undefined) return;
        const next = updateSnapshot(snapshot, { revision: 2, flags: { upserts: [compileVector(flag)] } });
        const affected = affectedFlags(next, [flag.key]);
        for (const key of snapshot.flags.keys()) {
          if (affected.has(key)) continue;
          const outcome = new Evaluation(snapshot, context, nowMs).flag(key);
          expect(new Evaluation(next, context, nowMs).flag(key)).toBe(outcome);
        }
      }),
      RUNS,
    );
  });
});

describe('any definition', () => {
  it('that validation accepts compiles', () => {
    fc.assert(
      fc.property(environments, ({ flags }) => {
        for (const vector of flags) {
          const [flag, settings] = [completeFlag(vector), completeSettings(vector)];
          expect(validateFlag(flag, DEFAULT_LIMITS)).toEqual([]);
          expect(validateSettings(settings, flag, DEFAULT_LIMITS)).toEqual([]);
          expect(compileFlag(flag, settings, 1).problem).toBeUndefined();
        }
      }),
      RUNS,
    );
  });

  it('that is damaged answers without throwing, and if validation accepts it, compiles', () => {
    fc.assert(
      fc.property(environments, contexts, nows, damages, ({ flags }, context, nowMs, damage) => {
        const [vector] = flags;
        if (vector === undefined) return;
        const flag = { ...completeFlag(vector), status: 'active' } as const;
        const settings = damaged(completeSettings(vector), damage);
        const compiled = compileFlag(flag, settings, 1);
        const snapshot = buildSnapshot({
          ...{ project: 'p', environment: 'e', revision: 1, flags: [compiled], segments: [], releases: [] },
        });
        const outcome = new Evaluation(snapshot, context, nowMs).flag(flag.key);
        expect(outcome.errorCode).not.toBe('GENERAL');
        if (outcome.reason === 'ERROR')
          expect(['', flag.defaultVariation, 'on', 'off']).toContain(outcome.variation);
        if (compiled.problem !== undefined) expect(compiled.problem).not.toBe('');
        if (accepts(settings, flag)) expect(compiled.problem).toBeUndefined();
      }),
      { ...RUNS, numRuns: 500 },
    );
  });
});

/** Which leaf of the settings becomes what. */
const damages = fc.record({
  leaf: fc.nat(),
  value: fc.constantFrom<unknown[]>(
    '',
    'unknown',
    -1,
    0.5,
    1e9,
    Number.NaN,
    true,
    '2026-13-01T00:00:00.000Z',
  ),
});

function accepts(settings: FlagSettings, flag: Parameters<typeof validateSettings>[1]): boolean {
  try {
    return validateSettings(settings, flag, DEFAULT_LIMITS).length === 0;
  } catch {
    // A value of the wrong type never gets past the decoder.
    return false;
  }
}

/** A copy with one leaf replaced. */
function damaged(settings: FlagSettings, { leaf, value }: { leaf: number; value: unknown }): FlagSettings {
  const leaves: [Record<string, unknown>, string][] = [];
  const copy = structuredClone(settings);
  const walk = (node: object) => {
    for (const [name, part] of Object.entries(node)) {
      if (typeof part === 'object' && part !== null) walk(part);
      else leaves.push([node as Record<string, unknown>, name]);
    }
  };
  walk(copy);
  const chosen = leaves[leaf % leaves.length];
  if (chosen !== undefined) chosen[0][chosen[1]] = value;
  return copy;
}
