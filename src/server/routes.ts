import type { DescService } from '@bufbuild/protobuf';
import type { ConnectRouter } from '@connectrpc/connect';
import { Health } from '../../gen/grpc/health/v1/health_pb.ts';
import { AnalyticsService } from '../../gen/vexil/v1/analytics_service_pb.ts';
import { EvaluationService } from '../../gen/vexil/v1/evaluation_pb.ts';
import { FlagService } from '../../gen/vexil/v1/flag_service_pb.ts';
import { FleetService } from '../../gen/vexil/v1/fleet_service_pb.ts';
import { HistoryService } from '../../gen/vexil/v1/history_service_pb.ts';
import { KeyService } from '../../gen/vexil/v1/key_service_pb.ts';
import { ProjectService } from '../../gen/vexil/v1/project_service_pb.ts';
import { ReleaseService } from '../../gen/vexil/v1/release_service_pb.ts';
import { SegmentService } from '../../gen/vexil/v1/segment_service_pb.ts';
import { TelemetryService } from '../../gen/vexil/v1/telemetry_service_pb.ts';
import { analyticsService } from '../rpc/analytics-service.ts';
import { evaluationService } from '../rpc/evaluation-service.ts';
import { flagService } from '../rpc/flag-service.ts';
import { fleetService } from '../rpc/fleet-service.ts';
import { type HealthState, healthService } from '../rpc/health.ts';
import { historyService } from '../rpc/history-service.ts';
import { keyService } from '../rpc/key-service.ts';
import { projectService } from '../rpc/project-service.ts';
import { reflectionRoutes } from '../rpc/reflection.ts';
import { releaseService } from '../rpc/release-service.ts';
import { segmentService } from '../rpc/segment-service.ts';
import { telemetryService } from '../rpc/telemetry-service.ts';
import type { App } from './compose.ts';
import type { Config, Exposure } from './config.ts';

const EVALUATION: readonly DescService[] = [EvaluationService, TelemetryService, Health];
const MANAGEMENT: readonly DescService[] = [
  ProjectService,
  FlagService,
  SegmentService,
  ReleaseService,
  KeyService,
  HistoryService,
  FleetService,
  AnalyticsService,
];

/** A misspelt field of a definition is a mistake, not something to pass over. */
const STRICT = { jsonOptions: { ignoreUnknownFields: false } };

/** All services but for reflection. */
export const SERVICES: readonly DescService[] = [...EVALUATION, ...MANAGEMENT];

/** Registers what one of the two ports serves. Evaluation and health are on both. */
export function routesOf(
  app: App,
  config: Config,
  port: Exclude<Exposure, 'off'>,
  health: HealthState,
  stopping: AbortSignal,
): (router: ConnectRouter) => void {
  const manages = config.managementApi === port;
  return (router) => {
    router.service(Health, healthService(health, stopping));
    router.service(EvaluationService, evaluationService(app.evaluation));
    router.service(TelemetryService, telemetryService(app));
    if (manages) {
      router.service(ProjectService, projectService(app), STRICT);
      router.service(FlagService, flagService(app), STRICT);
      router.service(SegmentService, segmentService(app), STRICT);
      router.service(ReleaseService, releaseService(app), STRICT);
      router.service(KeyService, keyService(app), STRICT);
      router.service(HistoryService, historyService({ ...app, ...app.evaluation }), STRICT);
      router.service(FleetService, fleetService(app), STRICT);
      const analytics = { ...app, ...app.evaluation, limits: config.limits };
      router.service(AnalyticsService, analyticsService(analytics), STRICT);
    }
    if (config.reflection === port) reflectionRoutes(router, manages ? SERVICES : EVALUATION);
  };
}

/** The services whose messages may be as large as definitions are. */
export function isManagement(service: DescService): boolean {
  return MANAGEMENT.some(({ typeName }) => typeName === service.typeName);
}
