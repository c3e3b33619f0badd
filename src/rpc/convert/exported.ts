import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type ExportedEvaluation,
  ExportedEvaluationSchema,
} from '../../../gen/vexil/v1/analytics_service_pb.ts';
import type { StoredEvaluation } from '../../ports/exposure-store.ts';
import { errorCodes, reasons } from './enums.ts';

export function exportedMessage(row: StoredEvaluation): ExportedEvaluation {
  const { id, flag, variation, ruleId, subject, source, client, weight, errorCode } = row;
  return create(ExportedEvaluationSchema, {
    ...{ id, flag, variation, ruleId, subject, source, client, weight },
    time: timestampFromMs(row.time),
    flagVersion: BigInt(row.flagVersion),
    revision: BigInt(row.revision),
    reason: reasons.toWire(row.reason),
    ...(errorCode !== undefined && { errorCode: errorCodes.toWire(errorCode) }),
    count: BigInt(row.count),
  });
}
