import type { Message } from '../../support/stock-protos.ts';
import { reasonOf } from '../checks/check.ts';
import type { WriteRequest } from '../clients/service.ts';

type Call = readonly [method: string, request: Message];

/** What a wish is in the API: a method and its request. */
export function callFor(
  { key, wish, expectedVersion }: WriteRequest,
  { project, environment }: { readonly project: string; readonly environment: string },
): Call {
  const options = { idempotencyKey: key, reason: reasonOf(key) };
  const call = 'flag' in wish ? flagCall(wish, key, project, environment) : projectCall(wish, project);
  const etag = expectedVersion === undefined ? {} : { etag: `"${expectedVersion}"` };
  return [call[0], { ...call[1], ...etag, options }];
}

type FlagWish = Extract<WriteRequest['wish'], { flag: string }>;

function flagCall(wish: FlagWish, key: string, project: string, environment: string): Call {
  const name = `${project}/flags/${wish.flag}`;
  const settings = { name: `${project}/environments/${environment}/flags/${wish.flag}` };
  switch (wish.kind) {
    case 'create_flag':
      return ['FlagService/CreateFlag', newFlagRequest(project, wish.flag, environment)];
    case 'archive_flag':
      return ['FlagService/ArchiveFlag', { name }];
    case 'delete_flag':
      return ['FlagService/DeleteFlag', { name }];
    case 'set_value':
      return ['FlagService/UpdateVariation', { parent: name, variation: { key: 'a', value: wish.value } }];
    case 'halt_flag':
      return ['FlagService/HaltFlag', { ...settings, reason: reasonOf(key) }];
    case 'resume_flag':
      return ['FlagService/ResumeFlag', settings];
    case 'plan': {
      const action = wish.halts ? { haltReason: reasonOf(key) } : { resume: true };
      const scheduledChange = { id: key, time: wish.at, ...action };
      return ['FlagService/CreateScheduledChange', { ...settings, scheduledChange }];
    }
    case 'add_target': {
      const there = { name: `${project}/environments/${wish.environment}/flags/${wish.flag}` };
      return ['FlagService/SetTarget', { ...there, variation: 'b', targetingKeys: [wish.user] }];
    }
  }
}

function projectCall(wish: Exclude<WriteRequest['wish'], FlagWish>, parent: string): Call {
  switch (wish.kind) {
    case 'set_segment': {
      const segment = { name: `${parent}/segments/${wish.segment}`, included: [...wish.included] };
      return ['SegmentService/UpdateSegment', { segment }];
    }
    case 'revert_to':
      return ['HistoryService/RevertToRevision', { parent, revision: wish.revision }];
  }
}

/** A flag of text, `a` by default and `b` for targets. */
export function newFlagRequest(parent: string, flagId: string, environment: string): Message {
  const variations = [
    { key: 'a', value: 'first' },
    { key: 'b', value: 'other' },
  ];
  const flag = { type: 'FLAG_TYPE_STRING', variations, defaultVariation: 'a' };
  return { parent, flagId, flag, enabledEnvironments: [environment] };
}
