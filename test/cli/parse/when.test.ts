import { toJson } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { ConditionSchema } from '../../../gen/vexil/v1/definitions_pb.ts';
import { parseClause, parseCondition } from '../../../src/cli/parse/when.ts';

const clause = (text: string) => toJson(ConditionSchema, parseClause(text));

describe('a clause', () => {
  it.each([
    ['plan in pro,team', 'plan', 'OPERATOR_IN', ['pro', 'team']],
    ['age >= 42', 'age', 'OPERATOR_GTE', [42]],
    ['code eq "42"', 'code', 'OPERATOR_EQ', ['42']],
    ['beta == true', 'beta', 'OPERATOR_EQ', [true]],
    ['city in "San José, CR", Basel', 'city', 'OPERATOR_IN', ['San José, CR', 'Basel']],
    ['app.version semver-gte 1.2', 'app.version', 'OPERATOR_SEMVER_GTE', ['1.2']],
    ['mail matches ^a{1,3}$', 'mail', 'OPERATOR_MATCHES', ['^a{1,3}$']],
    ['ip in_cidr 10.0.0.0/8,::1', 'ip', 'OPERATOR_IN_CIDR', ['10.0.0.0/8', '::1']],
    ['"full name" starts_with A', 'full name', 'OPERATOR_STARTS_WITH', ['A']],
  ])('%s', (text, attribute, operator, values) => {
    expect(clause(text)).toEqual({ clause: { attribute, operator, values } });
  });

  it('needs no value to ask for existence', () => {
    expect(clause('plan exists')).toEqual({ clause: { attribute: 'plan', operator: 'OPERATOR_EXISTS' } });
    expect(() => parseClause('plan exists pro')).toThrow('exists takes no value');
  });

  it('is refused if incomplete or unknown', () => {
    expect(() => parseClause('plan')).toThrow('not a clause');
    expect(() => parseClause('plan in')).toThrow('in needs a value');
    expect(() => parseClause('plan like pro')).toThrow('"like" is not one of eq, neq, in');
  });
});

describe('a condition', () => {
  it('is absent, which is everybody, without any clause', () => {
    expect(parseCondition({})).toBeUndefined();
  });

  it('demands all clauses and segments together', () => {
    const condition = parseCondition({
      when: ['plan eq pro'],
      segment: ['beta,staff'],
      notSegment: ['bots'],
    });
    expect(condition && toJson(ConditionSchema, condition)).toEqual({
      all: {
        conditions: [
          { clause: { attribute: 'plan', operator: 'OPERATOR_EQ', values: ['pro'] } },
          { segment: { segments: ['beta', 'staff'] } },
          { segment: { segments: ['bots'], negate: true } },
        ],
      },
    });
  });
});
