import type { ServiceImpl } from '@connectrpc/connect';
import * as wire from '../../gen/vexil/v1/flag_service_pb.ts';
import { removePrerequisite, setPrerequisite } from '../app/manage/prerequisites.ts';
import { createRule, deleteRule, setRollout, updateRule } from '../app/manage/rules.ts';
import { removeTarget, setTarget } from '../app/manage/targets.ts';
import type { Writer } from '../app/writer.ts';
import { invalid } from '../core/errors.ts';
import { present } from './convert/reading.ts';
import { ruleFrom } from './convert/rule.ts';
import { writeSettings } from './flag-settings-writes.ts';

type Service = ServiceImpl<typeof wire.FlagService>;
type RuleMethods = Pick<Service, 'createRule' | 'updateRule' | 'deleteRule' | 'setRollout'>;
type TargetMethods = Pick<Service, 'setTarget' | 'removeTarget' | 'setPrerequisite' | 'removePrerequisite'>;

/** What the flag service does with the parts of settings that decide who gets what. */
export function flagRuleMethods(writer: Writer): RuleMethods & TargetMethods {
  return { ...ruleMethods(writer), ...targetMethods(writer) };
}

function ruleMethods(writer: Writer): RuleMethods {
  return {
    async createRule(request, context) {
      const rule = ruleFrom(present(request.rule, 'rule'), 'rule');
      return writeSettings(writer, context, wire.CreateRuleRequestSchema, request, {
        action: 'flag.rule.create',
        plan: (at) => createRule(at, rule),
      });
    },

    async updateRule(request, context) {
      const rule = ruleFrom(present(request.rule, 'rule'), 'rule');
      return writeSettings(writer, context, wire.UpdateRuleRequestSchema, request, {
        action: 'flag.rule.update',
        plan: (at) => updateRule(at, rule),
      });
    },

    deleteRule(request, context) {
      return writeSettings(writer, context, wire.DeleteRuleRequestSchema, request, {
        action: 'flag.rule.delete',
        plan: (at) => deleteRule(at, request.ruleId),
      });
    },

    setRollout(request, context) {
      const { ruleId, weight, variation } = request;
      return writeSettings(writer, context, wire.SetRolloutRequestSchema, request, {
        action: 'flag.rollout',
        plan: (at) => setRollout(at, { ruleId, weight, variation }),
      });
    },
  };
}

function targetMethods(writer: Writer): TargetMethods {
  return {
    async setTarget(request, context) {
      const keys = nonEmpty(request.targetingKeys);
      return writeSettings(writer, context, wire.SetTargetRequestSchema, request, {
        action: 'flag.target.set',
        plan: (at) => setTarget(at, request.variation, keys),
      });
    },

    async removeTarget(request, context) {
      const keys = nonEmpty(request.targetingKeys);
      return writeSettings(writer, context, wire.RemoveTargetRequestSchema, request, {
        action: 'flag.target.remove',
        plan: (at) => removeTarget(at, keys),
      });
    },

    async setPrerequisite(request, context) {
      const { flag, variations } = present(request.prerequisite, 'prerequisite');
      return writeSettings(writer, context, wire.SetPrerequisiteRequestSchema, request, {
        action: 'flag.prerequisite.set',
        plan: (at) => setPrerequisite(at, { flag, variations }),
      });
    },

    removePrerequisite(request, context) {
      return writeSettings(writer, context, wire.RemovePrerequisiteRequestSchema, request, {
        action: 'flag.prerequisite.remove',
        plan: (at) => removePrerequisite(at, request.flag),
      });
    },
  };
}

function nonEmpty(keys: readonly string[]): readonly string[] {
  if (keys.length === 0) throw invalid([{ path: 'targeting_keys', message: 'is required' }]);
  return keys;
}
