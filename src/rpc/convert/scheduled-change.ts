import { create } from '@bufbuild/protobuf';
import {
  type ScheduledChange as ScheduledChangeMessage,
  ScheduledChangeSchema,
} from '../../../gen/vexil/v1/definitions_pb.ts';
import type { ScheduledAction, ScheduledChange } from '../../core/model.ts';
import { timestampOf } from '../timestamp.ts';
import { type Mistakes, reading, readRequiredInstant, under } from './reading.ts';

type ActionInit = Extract<Parameters<typeof create<typeof ScheduledChangeSchema>>[1], object>['action'];

export function scheduledChangeMessage({ id, at, action, by }: ScheduledChange): ScheduledChangeMessage {
  return create(ScheduledChangeSchema, { id, time: timestampOf(at), action: actionOf(action), actor: by });
}

function actionOf(action: ScheduledAction): NonNullable<ActionInit> {
  switch (action.kind) {
    case 'enable':
      return { case: 'enabled', value: true };
    case 'disable':
      return { case: 'enabled', value: false };
    case 'halt':
      return { case: 'haltReason', value: action.reason };
    case 'resume':
      return { case: 'resume', value: true };
    case 'rollout':
      return { case: 'rollout', value: { ruleId: action.ruleId, weight: action.weight } };
    case 'default_variation':
      return { case: 'defaultVariation', value: action.variation };
  }
}

/** The change of a message at this path of a request; its id may be empty. Throws `invalid` with every mistake. */
export function scheduledChangeFrom(message: ScheduledChangeMessage, path: string): ScheduledChange {
  return reading(ScheduledChangeSchema, message, path, readScheduledChange);
}

export function readScheduledChange(
  message: ScheduledChangeMessage,
  path: string,
  mistakes: Mistakes,
): ScheduledChange {
  return {
    id: message.id,
    at: readRequiredInstant(message.time, under(path, 'time'), mistakes),
    action: readAction(message, path, mistakes),
    by: message.actor,
  };
}

function readAction({ action }: ScheduledChangeMessage, path: string, mistakes: Mistakes): ScheduledAction {
  switch (action.case) {
    case 'enabled':
      return { kind: action.value ? 'enable' : 'disable' };
    case 'haltReason':
      return { kind: 'halt', reason: action.value };
    case 'resume':
      if (!action.value) mistakes.push({ path: under(path, 'resume'), message: 'must be true' });
      return { kind: 'resume' };
    case 'rollout':
      return { kind: 'rollout', ruleId: action.value.ruleId, weight: action.value.weight };
    case 'defaultVariation':
      return { kind: 'default_variation', variation: action.value };
    case undefined:
      mistakes.push({
        path,
        message: 'must hold one of enabled, halt_reason, resume, rollout and default_variation',
      });
      return { kind: 'resume' };
  }
}
