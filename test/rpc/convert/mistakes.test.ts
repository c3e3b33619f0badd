import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import {
  type Condition as ConditionMessage,
  ConditionSchema,
  FlagSchema,
  FlagSettingsSchema,
  Operator,
  RuleSchema,
  ScheduledChangeSchema,
  SegmentSchema,
} from '../../../gen/vexil/v1/definitions_pb.ts';
import { FlagError } from '../../../src/core/errors.ts';
import { flagContentFrom, flagFrom } from '../../../src/rpc/convert/flag.ts';
import { ruleFrom } from '../../../src/rpc/convert/rule.ts';
import { scheduledChangeFrom } from '../../../src/rpc/convert/scheduled-change.ts';
import { segmentContentFrom } from '../../../src/rpc/convert/segment.ts';
import { settingsFrom } from '../../../src/rpc/convert/settings.ts';

type RuleInit = Extract<MessageInitShape<typeof RuleSchema>, { $typeName?: never }>;

function mistakesOf(read: () => unknown): Record<string, string> {
  try {
    read();
  } catch (error) {
    if (!(error instanceof FlagError) || error.kind !== 'invalid') throw error;
    return Object.fromEntries((error.details.violations ?? []).map(({ path, message }) => [path, message]));
  }
  return {};
}

/** Of a rule that is fine but for these fields. */
function ruleMistakes(fields: RuleInit): Record<string, string> {
  const rule: RuleInit = { serve: { kind: { case: 'variation', value: 'on' } }, ...fields };
  return mistakesOf(() => ruleFrom(create(RuleSchema, rule), 'rule'));
}

const unknownOperator = 99 as Operator;

describe('a message that cannot be read', () => {
  it('is refused with the path of an operator that this build does not know', () => {
    const clause = { attribute: 'plan', operator: unknownOperator };
    const conditions = [{ kind: { case: 'clause' as const, value: clause } }];
    const condition = { kind: { case: 'all' as const, value: { conditions } } };
    expect(ruleMistakes({ condition })).toStrictEqual({
      'rule.condition.all.conditions[0].clause.operator': 'has the unknown value 99',
    });
  });

  it('is refused with every mistake at once', () => {
    const conditions = [
      { kind: { case: 'clause' as const, value: { attribute: 'plan' } } },
      {},
      { kind: { case: 'not' as const, value: { kind: { case: 'release' as const, value: {} } } } },
    ];
    const condition = { kind: { case: 'any' as const, value: { conditions } } };
    const mistakes = ruleMistakes({ condition, serve: {}, priority: Number.NaN, ramp: {} });
    expect(Object.keys(mistakes).sort()).toStrictEqual([
      'rule.condition.any.conditions[0].clause.operator',
      'rule.condition.any.conditions[1]',
      'rule.condition.any.conditions[2].not.release',
      'rule.priority',
      'rule.ramp',
      'rule.serve',
    ]);
  });

  it('is refused for values that JSON cannot say', () => {
    const values = [
      { kind: { case: 'numberValue' as const, value: Number.POSITIVE_INFINITY } },
      { kind: { case: undefined } },
      {
        kind: {
          case: 'structValue' as const,
          value: { fields: { a: { kind: { case: 'numberValue' as const, value: Number.NaN } } } },
        },
      },
    ];
    const clause = { attribute: 'plan', operator: Operator.IN, values };
    const condition = { kind: { case: 'clause' as const, value: clause } };
    expect(Object.keys(ruleMistakes({ condition }))).toStrictEqual([
      'rule.condition.clause.values[0]',
      'rule.condition.clause.values[1]',
      'rule.condition.clause.values[2].a',
    ]);
  });

  it('is refused for operators that a release gate does not have', () => {
    const gate = { kind: { case: 'runtimeVersion' as const, value: { operator: Operator.EQ } } };
    const condition = { kind: { case: 'release' as const, value: gate } };
    expect(Object.keys(ruleMistakes({ condition }))).toStrictEqual([
      'rule.condition.release.runtime_version.operator',
    ]);
  });

  it('is refused for times that RFC 3339 cannot say, and for missing ones', () => {
    const steps = [
      { startTime: { seconds: 1n, nanos: -1 } },
      { startTime: { seconds: 253_402_300_800n } },
      {},
      { startTime: { seconds: 253_402_300_799n, nanos: 999_999_999 } },
    ];
    expect(ruleMistakes({ ramp: { kind: { case: 'steps', value: { steps } } } })).toStrictEqual({
      'rule.ramp.steps.steps[0].start_time': expect.stringContaining('between the years 1 and 9999'),
      'rule.ramp.steps.steps[1].start_time': expect.stringContaining('between the years 1 and 9999'),
      'rule.ramp.steps.steps[2].start_time': 'is required',
    });
    expect(Object.keys(ruleMistakes({ ramp: { kind: { case: 'linear', value: {} } } }))).toStrictEqual([
      'rule.ramp.linear.start_time',
      'rule.ramp.linear.end_time',
    ]);
  });

  it('is refused for fields that this build does not know, wherever they are', () => {
    const inner = create(ConditionSchema, { kind: { case: 'segment', value: { segments: ['beta'] } } });
    inner.$unknown = [{ no: 17, wireType: 0, data: new Uint8Array([1]) }];
    const message = create(SegmentSchema, {
      condition: { kind: { case: 'all', value: { conditions: [inner] } } },
    });
    expect(mistakesOf(() => segmentContentFrom(message, 'segment'))).toStrictEqual({
      'segment.condition.all.conditions[0]': expect.stringContaining('17'),
    });
  });

  it('is refused for conditions and values that are nested too deep to be sent on', () => {
    let condition: ConditionMessage = create(ConditionSchema, {
      kind: { case: 'segment', value: { segments: ['beta'] } },
    });
    for (let depth = 0; depth < 40; depth++)
      condition = create(ConditionSchema, { kind: { case: 'not', value: condition } });
    const [path] = Object.keys(ruleMistakes({ condition }));
    expect(path).toBe(`rule.condition${'.not'.repeat(33)}`);
  });

  it('is refused for flags without a type, a status, or with values that are missing', () => {
    const message = create(FlagSchema, { variations: [{ key: 'on' }], jsonSchema: { minimum: Number.NaN } });
    expect(Object.keys(mistakesOf(() => flagContentFrom(message, 'flag'))).sort()).toStrictEqual([
      'flag.json_schema.minimum',
      'flag.status',
      'flag.type',
      'flag.variations[0].value',
    ]);
    expect(Object.keys(mistakesOf(() => flagFrom(message, 'flag')))).toContain('flag.create_time');
  });

  it('is refused for settings with mistakes in any of their parts', () => {
    const message = create(FlagSettingsSchema, {
      name: 'projects/shop/flags/checkout',
      halt: {},
      rules: [{ id: 'one', serve: { kind: { case: 'variation', value: 'on' } } }, { id: 'two' }],
      scheduledChanges: [{ action: { case: 'resume', value: false } }, { time: { seconds: 0n } }],
    });
    expect(Object.keys(mistakesOf(() => settingsFrom(message, 'settings'))).sort()).toStrictEqual([
      'settings.halt.time',
      'settings.hash',
      'settings.name',
      'settings.rules[1].serve',
      'settings.scheduled_changes[0].resume',
      'settings.scheduled_changes[0].time',
      'settings.scheduled_changes[1]',
    ]);
  });

  it('is refused for scheduled changes that resume nothing', () => {
    const message = create(ScheduledChangeSchema, {
      time: { seconds: 1n },
      action: { case: 'resume', value: false },
    });
    expect(mistakesOf(() => scheduledChangeFrom(message, 'scheduled_change'))).toStrictEqual({
      'scheduled_change.resume': 'must be true',
    });
  });
});
