import type { ServiceImpl } from '@connectrpc/connect';
import type { AnalyticsService } from '../../gen/vexil/v1/analytics_service_pb.ts';
import type { Catalog } from '../app/catalog.ts';
import type { History } from '../app/history.ts';
import type { Limits } from '../core/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { ExposureQueue } from '../ports/exposure-queue.ts';
import type { ExposureStore } from '../ports/exposure-store.ts';
import { exportMethod } from './analytics-export.ts';
import { figureMethods } from './analytics-figures.ts';
import { keepingMethods } from './analytics-keeping.ts';
import { previewMethods } from './analytics-previews.ts';

export interface AnalyticsServiceDeps {
  readonly catalog: Catalog;
  readonly history: History;
  readonly clock: Clock;
  readonly limits: Limits;
  /** What hashes of targeting keys are made with. */
  readonly pepper: string;
  readonly exposures: {
    /** Opens it when it is asked for first. */
    store(): Promise<ExposureStore>;
    /** Gives a parcel to the queue. */
    readonly publish: ExposureQueue['publish'];
  };
}

export function analyticsService(deps: AnalyticsServiceDeps): ServiceImpl<typeof AnalyticsService> {
  return {
    ...figureMethods(deps),
    ...previewMethods(deps),
    ...keepingMethods(deps),
    exportEvaluations: exportMethod(deps),
  };
}
