import { expect, vi } from 'vitest';
import { Guards } from '../../../src/app/guards/guards.ts';
import { createFlag } from '../../../src/app/manage/flags.ts';
import { createProject } from '../../../src/app/manage/projects.ts';
import { settingsOf } from '../../../src/app/project-state.ts';
import { FlagError } from '../../../src/core/errors.ts';
import type { FlagSettings, Guard, Rule } from '../../../src/core/model.ts';
import type { OutcomeQuery, VariationOutcome } from '../../../src/ports/exposure-store.ts';
import { openInstance } from '../../support/instance.ts';
import { checkout } from '../manage/shop.ts';

export const GUARD: Guard = {
  ...{ event: '', worse: 'higher', threshold: 2_000, minimumSample: 100, windowSeconds: 60 },
  ...{ stages: [5_000, 20_000, 100_000], onRegression: 'step_back' },
};
export const AT = { environment: 'production', flag: 'checkout' };

export function guarded(weight: number, guard: Guard = GUARD): Rule {
  const serve = { kind: 'variation', variation: 'on' } as const;
  const rule = { id: 'rollout', name: '', priority: 1, rollout: { weight }, serve, recordExposures: true };
  return { ...rule, guard };
}

/** What guards see, as a test has it. */
export interface Tables {
  /** All that they were asked. */
  asked: OutcomeQuery[];
  /** How many of 200 with `on` fare badly, once so many have it. */
  hits: number;
  brokenFrom: number;
  isAway: boolean;
  /** Nothing is in the tables of before and after. */
  firstAt: number;
  lastAt: number;
  /** What an answer of the tables waits for. */
  gate: Promise<void> | undefined;
  /** By how much the clock that all share is behind this one. */
  aheadMs: number;
}

/** A shop with the flag `checkout`, whose clock the test moves, and tables that say what it wants. */
export async function openGuardedShop() {
  const instance = await openInstance();
  const tables: Tables = {
    ...{ asked: [], hits: 0, brokenFrom: 0, isAway: false, gate: undefined, aheadMs: 0 },
    ...{ firstAt: 0, lastAt: Number.POSITIVE_INFINITY },
  };
  const guards: Guards[] = [];
  const shop = createProject({ key: 'shop', name: '', description: '', environments: ['production'] });
  await instance.commit('shop', shop);
  await instance.commit('shop', createFlag({ ...checkout, enabledIn: ['production'] }));

  const settings = (): FlagSettings =>
    settingsOf(instance.catalog.state('shop'), 'production', 'checkout').state;
  const ruleNow = () => settings().rules[0];

  async function outcomes(_: unknown, query: OutcomeQuery): Promise<readonly VariationOutcome[]> {
    if (tables.isAway) throw new FlagError('unavailable', 'the tables are away');
    tables.asked.push(query);
    const { brokenFrom } = tables;
    const badly = brokenFrom > 0 && (ruleNow()?.rollout?.weight ?? 0) < brokenFrom ? 0 : tables.hits;
    await tables.gate;
    const { from, to, ruleId } = query;
    if (from > tables.lastAt || to <= tables.firstAt) return [];
    const on = outcomeOf('on', 200, badly);
    return ruleId === undefined ? [outcomeOf('off', 1_000, 5), on] : [on];
  }

  /** Lets the guards look until it is so. */
  async function until(check: () => void, stepMs = 3_000): Promise<void> {
    await vi.waitFor(
      () => {
        instance.clock.advance(stepMs);
        check();
      },
      { interval: 10, timeout: 10_000 },
    );
  }

  /** Lets all that can be done now be done. */
  async function settled(): Promise<void> {
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  return {
    ...{ instance, tables, guards, settings, ruleNow, until, settled },
    /** Has one replica more watch. */
    open(): void {
      const { catalog, writer, clock, reports } = instance;
      const report = (problem: string) => reports.push(problem);
      const sharedNow = () => Promise.resolve(clock.now() - tables.aheadMs);
      guards.push(new Guards({ catalog, writer, clock, store: { outcomes }, report, sharedNow }));
    },
    /** Lets the guards look so many times more, and do what they want to. */
    async looks(count: number): Promise<void> {
      const before = tables.asked.length;
      await until(() => expect(tables.asked.length).toBeGreaterThanOrEqual(before + count));
      await settled();
    },
    async newestChange() {
      const [change] = await instance.log.readBack('shop', Number.MAX_SAFE_INTEGER, 1);
      return change;
    },
    async [Symbol.asyncDispose]() {
      for (const each of guards) each[Symbol.dispose]();
      await instance[Symbol.asyncDispose]();
    },
  };
}

export type GuardedShop = Awaited<ReturnType<typeof openGuardedShop>>;

function outcomeOf(variation: string, subjects: number, affected: number): VariationOutcome {
  const events = affected;
  return { variation, subjects, evaluations: subjects, affected, events, sum: 0, sumOfSquares: 0 };
}
