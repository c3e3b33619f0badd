import type { ServiceImpl } from '@connectrpc/connect';
import type { AnalyticsService } from '../../gen/vexil/v1/analytics_service_pb.ts';
import type { Catalog } from '../app/catalog.ts';
import type { History } from '../app/history.ts';
import { FlagError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { ExposureStore } from '../ports/exposure-store.ts';
import { exportMethod } from './analytics-export.ts';
import { figureMethods } from './analytics-figures.ts';
import { keepingMethods } from './analytics-keeping.ts';
import { previewMethods } from './analytics-previews.ts';

/** What was recorded. */
export interface Recorded {
  readonly store: ExposureStore;
}

export interface AnalyticsServiceDeps {
  readonly catalog: Catalog;
  readonly history: History;
  readonly clock: Clock;
  readonly limits: Limits;
  /** What hashes of targeting keys are made with. */
  readonly pepper: string;
  /** Undefined: nothing is recorded. */
  readonly exposures: Recorded | undefined;
}

export function analyticsService(deps: AnalyticsServiceDeps): ServiceImpl<typeof AnalyticsService> {
  return {
    ...figureMethods(deps),
    ...previewMethods(deps),
    ...keepingMethods(deps),
    exportEvaluations: exportMethod(deps),
  };
}

/** Throws `failed_precondition` if nothing is recorded. */
export function recordedIn({ exposures }: Pick<AnalyticsServiceDeps, 'exposures'>): Recorded {
  if (exposures === undefined)
    throw new FlagError('failed_precondition', 'this service does not record evaluations', {
      reason: 'RECORDING_OFF',
    });
  return exposures;
}
