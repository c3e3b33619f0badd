import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type Ramp as RampMessage,
  RampSchema,
  type Rule as RuleMessage,
  RuleSchema,
  type Serve as ServeMessage,
  ServeSchema,
} from '../../../gen/vexil/v1/definitions_pb.ts';
import type { Ramp, Rollout, Rule, Serve } from '../../core/model.ts';
import { timestampOf } from '../timestamp.ts';
import { conditionMessage, readCondition } from './condition.ts';
import { guardMessage, guardStateMessage, readGuard } from './guard.ts';
import { type Mistakes, readFinite, reading, readRequiredInstant, under } from './reading.ts';

type ServeInit = NonNullable<MessageInitShape<typeof ServeSchema>['kind']>;
type RampInit = NonNullable<MessageInitShape<typeof RampSchema>['kind']>;

export function ruleMessage(rule: Rule): RuleMessage {
  return create(RuleSchema, {
    id: rule.id,
    displayName: rule.name,
    priority: rule.priority,
    ...(rule.condition && { condition: conditionMessage(rule.condition) }),
    ...(rule.rollout && { rollout: { ...rule.rollout } }),
    serve: create(ServeSchema, { kind: serveKindOf(rule.serve) }),
    ...(rule.ramp && { ramp: create(RampSchema, { kind: rampKindOf(rule.ramp) }) }),
    ...(!rule.recordExposures && { exposure: { disabled: true } }),
    ...(rule.guard && { guard: guardMessage(rule.guard) }),
    ...(rule.guardState && { guardState: guardStateMessage(rule.guardState) }),
  });
}

function serveKindOf(serve: Serve): ServeInit {
  switch (serve.kind) {
    case 'variation':
      return { case: 'variation', value: serve.variation };
    case 'split':
      return { case: 'split', value: { variations: serve.variations.map((each) => ({ ...each })) } };
  }
}

function rampKindOf(ramp: Ramp): RampInit {
  switch (ramp.kind) {
    case 'steps': {
      const steps = ramp.steps.map(({ startsAt, weight }) => ({ startTime: timestampOf(startsAt), weight }));
      return { case: 'steps', value: { steps } };
    }
    case 'linear': {
      const { fromWeight, toWeight } = ramp;
      const startTime = timestampOf(ramp.startsAt);
      const endTime = timestampOf(ramp.endsAt);
      return { case: 'linear', value: { startTime, endTime, fromWeight, toWeight } };
    }
  }
}

/** The rule of a message at this path of a request; its id may be empty. Throws `invalid` with every mistake. */
export function ruleFrom(message: RuleMessage, path: string): Rule {
  return reading(RuleSchema, message, path, readRule);
}

export function readRule(message: RuleMessage, path: string, mistakes: Mistakes): Rule {
  const { id, displayName: name, condition, rollout, ramp } = message;
  return {
    id,
    name,
    priority: readFinite(message.priority, under(path, 'priority'), mistakes),
    ...(condition && { condition: readCondition(condition, under(path, 'condition'), mistakes) }),
    ...(rollout && { rollout: rolloutOf(rollout) }),
    serve: readServe(message.serve, under(path, 'serve'), mistakes),
    ...(ramp && { ramp: readRamp(ramp, under(path, 'ramp'), mistakes) }),
    recordExposures: !(message.exposure?.disabled ?? false),
    ...(message.guard && { guard: readGuard(message.guard, under(path, 'guard'), mistakes) }),
  };
}

function rolloutOf({ weight, salt }: NonNullable<RuleMessage['rollout']>): Rollout {
  return { weight, ...(salt !== '' && { salt }) };
}

function readServe(message: ServeMessage | undefined, path: string, mistakes: Mistakes): Serve {
  switch (message?.kind.case) {
    case 'variation':
      return { kind: 'variation', variation: message.kind.value };
    case 'split': {
      const { variations } = message.kind.value;
      return {
        kind: 'split',
        variations: variations.map(({ variation, weight }) => ({ variation, weight })),
      };
    }
    case undefined:
      mistakes.push({ path, message: 'must be one of variation and split' });
      return { kind: 'variation', variation: '' };
  }
}

function readRamp({ kind }: RampMessage, path: string, mistakes: Mistakes): Ramp {
  switch (kind.case) {
    case 'steps': {
      const steps = kind.value.steps.map(({ startTime, weight }, index) => {
        const place = under(path, `steps.steps[${index}].start_time`);
        return { startsAt: readRequiredInstant(startTime, place, mistakes), weight };
      });
      return { kind: 'steps', steps };
    }
    case 'linear': {
      const { startTime, endTime, fromWeight, toWeight } = kind.value;
      const startsAt = readRequiredInstant(startTime, under(path, 'linear.start_time'), mistakes);
      const endsAt = readRequiredInstant(endTime, under(path, 'linear.end_time'), mistakes);
      return { kind: 'linear', startsAt, endsAt, fromWeight, toWeight };
    }
    case undefined:
      mistakes.push({ path, message: 'must be one of steps and linear' });
      return { kind: 'steps', steps: [] };
  }
}
