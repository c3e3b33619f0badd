import type { ServiceImpl } from '@connectrpc/connect';
import * as wire from '../../gen/vexil/v1/flag_service_pb.ts';
import { createVariation, deleteVariation, updateVariation } from '../app/manage/variations.ts';
import type { Committed, Writer } from '../app/writer.ts';
import { changedObject } from './changed.ts';
import { flagMessage, variationFrom } from './convert/flag.ts';
import { present } from './convert/reading.ts';
import { versionOf } from './etag.ts';
import { parseFlag } from './names.ts';
import { intentOf, receiptOf } from './writes.ts';

type Methods = Pick<
  ServiceImpl<typeof wire.FlagService>,
  'createVariation' | 'updateVariation' | 'deleteVariation'
>;

/** What the flag service does with the variations of a flag. */
export function flagVariationMethods(writer: Writer): Methods {
  return {
    async createVariation(request, context) {
      const { project, flag } = parseFlag(request.parent, 'parent');
      const variation = variationFrom(present(request.variation, 'variation'), 'variation');
      const schema = wire.CreateVariationRequestSchema;
      const intent = intentOf(context, project, 'flag.variation.create', schema, request);
      const plan = createVariation(flag, variation, versionOf(request.etag, 'etag'));
      return answer(project, flag, await writer.commit(intent, plan));
    },

    async updateVariation(request, context) {
      const { project, flag } = parseFlag(request.parent, 'parent');
      const variation = variationFrom(present(request.variation, 'variation'), 'variation');
      const schema = wire.UpdateVariationRequestSchema;
      const intent = intentOf(context, project, 'flag.variation.update', schema, request);
      const plan = updateVariation(flag, variation, versionOf(request.etag, 'etag'));
      return answer(project, flag, await writer.commit(intent, plan));
    },

    async deleteVariation(request, context) {
      const { project, flag } = parseFlag(request.parent, 'parent');
      const schema = wire.DeleteVariationRequestSchema;
      const intent = intentOf(context, project, 'flag.variation.delete', schema, request);
      const plan = deleteVariation(flag, request.variationKey, versionOf(request.etag, 'etag'));
      return answer(project, flag, await writer.commit(intent, plan));
    },
  };
}

function answer(project: string, flag: string, committed: Committed) {
  return {
    flag: flagMessage(project, changedObject(committed, 'flag', flag)),
    receipt: receiptOf(committed),
  };
}
