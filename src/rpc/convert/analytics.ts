import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import * as wire from '../../../gen/vexil/v1/analytics_service_pb.ts';
import type { VariationConversion } from '../../app/analytics/conversions.ts';
import type { FlagUse, UseOfFlag } from '../../app/analytics/flag-use.ts';
import type { VariationHealth } from '../../app/analytics/health.ts';
import type { EvaluationSeries, VariationTotal } from '../../app/analytics/series.ts';
import type { Estimate } from '../../app/analytics/share.ts';
import type { Place } from '../../app/environment-access.ts';
import type { Period, Step } from '../../ports/exposure-store.ts';
import { settingsName } from '../names.ts';
import { timestampOf } from '../timestamp.ts';
import { pairing, reasons } from './enums.ts';

export const timeSteps = pairing<Step, wire.TimeStep>(wire.TimeStep.UNSPECIFIED, {
  minute: wire.TimeStep.MINUTE,
  hour: wire.TimeStep.HOUR,
  day: wire.TimeStep.DAY,
});

export const flagUses = pairing<FlagUse, wire.FlagUse>(wire.FlagUse.UNSPECIFIED, {
  in_use: wire.FlagUse.IN_USE,
  unused: wire.FlagUse.UNUSED,
  never: wire.FlagUse.NEVER,
  new: wire.FlagUse.NEW,
  unknown: wire.FlagUse.UNKNOWN,
});

export function seriesMessage({ flag, variation, reason, points }: EvaluationSeries): wire.EvaluationSeries {
  return create(wire.EvaluationSeriesSchema, {
    ...{ flag, variation, reason: reasons.toWire(reason) },
    points: points.map(({ at, count, estimate }) => ({
      time: timestampFromMs(at),
      count: BigInt(count),
      estimate,
    })),
  });
}

export function totalMessage(total: VariationTotal): wire.VariationTotal {
  const { flag, variation, count, estimate, subjects } = total;
  return create(wire.VariationTotalSchema, {
    ...{ flag, variation, count: BigInt(count), estimate },
    ...(subjects !== undefined && { subjects: BigInt(subjects) }),
  });
}

export function useMessage({ project, environment }: Place, use: UseOfFlag): wire.FlagActivity {
  const { flag, lastAt, removalAt, temporary, removalOverdue } = use;
  return create(wire.FlagActivitySchema, {
    ...{ name: settingsName(project, environment, flag), flag, temporary, removalOverdue },
    use: flagUses.toWire(use.use),
    evaluations: BigInt(use.evaluations),
    served: use.served.map(totalMessage),
    ...{ remarks: [...use.remarks], prerequisiteOf: [...use.prerequisiteOf] },
    ...(lastAt !== undefined && { lastEvaluateTime: timestampFromMs(lastAt) }),
    ...(removalAt !== undefined && { removalTime: timestampOf(removalAt) }),
  });
}

/** With the worst `most` variations. */
export function healthMessage(
  name: string,
  flag: string,
  variations: readonly VariationHealth[],
  { from, to }: Period,
  most: number,
): wire.FlagHealth {
  return create(wire.FlagHealthSchema, {
    ...{ name, flag, startTime: timestampFromMs(from), endTime: timestampFromMs(to) },
    variations: variations.slice(0, most).map(variationHealth),
    leftOut: Math.max(0, variations.length - most),
  });
}

function variationHealth(health: VariationHealth): wire.VariationHealth {
  const { variation, errorRate, crashFree, sampleTooSmall, note } = health;
  return create(wire.VariationHealthSchema, {
    ...{ variation, sampleTooSmall, note },
    subjects: BigInt(health.subjects),
    evaluations: BigInt(health.evaluations),
    affectedSubjects: BigInt(health.affected),
    errors: BigInt(health.errors),
    crashedSubjects: BigInt(health.crashed),
    crashes: BigInt(health.crashes),
    ...(errorRate && { errorRate: estimateMessage(errorRate) }),
    ...(crashFree && { crashFree: estimateMessage(crashFree) }),
  });
}

export function conversionMessage(conversion: VariationConversion): wire.VariationConversion {
  const { variation, rate, mean, sum, sampleTooSmall, note } = conversion;
  return create(wire.VariationConversionSchema, {
    ...{ variation, sum, sampleTooSmall, note },
    subjects: BigInt(conversion.subjects),
    convertedSubjects: BigInt(conversion.converted),
    events: BigInt(conversion.events),
    ...(rate && { rate: estimateMessage(rate) }),
    ...(mean && { mean: estimateMessage(mean) }),
  });
}

export function estimateMessage({ value, low, high }: Estimate): wire.Estimate {
  return create(wire.EstimateSchema, { value, low, high });
}
