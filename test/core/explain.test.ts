import { describe, expect, it } from 'vitest';
import { explain, type TraceStep } from '../../src/core/explain.ts';
import { snapshotOf } from '../vectors/load.ts';

const CONTEXT = { targetingKey: 'u1', attributes: { plan: 'pro' } };

/** Kind, path, outcome, and what was measured: a line per step, indented. */
function lines(steps: readonly TraceStep[], indent = ''): string[] {
  return steps.flatMap(({ kind, path, description, outcome, bucket, weight, steps: inner }) => {
    const measured = bucket === undefined ? '' : ` ${bucket}/${weight ?? ''}`;
    return [
      `${indent}${kind} ${path}: ${description} ${outcome ? 'yes' : 'no'}${measured}`,
      ...lines(inner, `${indent}  `),
    ];
  });
}

describe('an explanation', () => {
  it('shows everything that was tried, in order, down to the buckets', () => {
    const snapshot = snapshotOf({
      flags: [
        {
          key: 'checkout',
          settings: {
            prerequisites: [{ flag: 'base', variations: ['off'] }],
            targets: [{ variation: 'on', keys: ['u9'] }],
            rules: [
              {
                priority: 2,
                rollout: { weight: 60_000 },
                serve: {
                  kind: 'split',
                  variations: [
                    { variation: 'off', weight: 40_000 },
                    { variation: 'on', weight: 60_000 },
                  ],
                },
              },
              {
                priority: 1,
                condition: {
                  kind: 'all',
                  conditions: [
                    { kind: 'clause', attribute: 'plan', operator: 'in', values: ['pro', 'team'] },
                    { kind: 'segment', segments: ['staff'], negate: false },
                    { kind: 'clause', attribute: 'never', operator: 'exists', values: [] },
                  ],
                },
              },
            ],
          },
        },
        { key: 'base', settings: { enabled: false } },
      ],
      segments: [
        {
          key: 'staff',
          condition: {
            kind: 'not',
            condition: { kind: 'clause', attribute: 'plan', operator: 'eq', values: ['pro'] },
          },
        },
      ],
    });
    const { outcome, steps } = explain(snapshot, 'checkout', CONTEXT, 0);
    expect(outcome).toMatchObject({ reason: 'SPLIT', variation: 'on', ruleId: 'r0' });
    expect(lines(steps)).toEqual([
      'prerequisite prerequisites[0]: base serves off yes',
      '  flag flags/base: flag base yes',
      '    enabled enabled: enabled in this environment no',
      'target targets: targeting key has a variation of its own no',
      'rule rules[1]: r1: serves on no',
      '  condition rules[1].condition: all of 3 no',
      '    clause rules[1].condition.all[0]: plan in ["pro", "team"] yes',
      '    clause rules[1].condition.all[1]: in segment staff no',
      '      segment segments/staff: segment staff no',
      '        condition condition: not no',
      '          clause condition.not: plan eq "pro" yes',
      'rule rules[0]: r0: serves off 40 %, on 60 % yes',
      '  rollout rules[0].rollout: 60 % yes 55379/60000',
      '  split rules[0].serve.split: serves off 40 %, on 60 % yes 49835/',
    ]);
  });

  it('tells why a halted, a draft and a released flag answered', () => {
    const halt = { by: 'key:a', reason: 'errors rose', at: '2026-01-01T00:00:00.000Z' };
    const snapshot = snapshotOf({
      flags: [{ key: 'halted', settings: { halt } }, { key: 'draft', status: 'draft' }, { key: 'released' }],
      releases: [{ key: 'r', flags: [{ flag: 'released', variation: 'on' }] }],
    });
    const context = { targetingKey: '', attributes: { device: { releaseId: 'r' } } };
    const kinds = (key: string) => explain(snapshot, key, context, 0).steps.map(({ kind }) => kind);
    expect(kinds('halted')).toEqual(['halt']);
    expect(kinds('draft')).toEqual(['status']);
    expect(kinds('released')).toEqual(['release']);
    expect(kinds('unknown')).toEqual([]);
  });

  it('agrees about a flag that cannot be evaluated', () => {
    const condition = { kind: 'moon_phase' } as never;
    const snapshot = snapshotOf({ flags: [{ key: 'a', settings: { rules: [{ condition }] } }] });
    const { outcome, steps } = explain(snapshot, 'a', CONTEXT, 0);
    expect(outcome.errorCode).toBe('PARSE_ERROR');
    expect(steps).toEqual([]);
  });
});
