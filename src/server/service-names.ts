/** The names of all services, for health checks: known without loading the services. */
export const SERVICE_NAMES: readonly string[] = [
  'vexil.v1.EvaluationService',
  'vexil.v1.TelemetryService',
  'grpc.health.v1.Health',
  'vexil.v1.ProjectService',
  'vexil.v1.FlagService',
  'vexil.v1.SegmentService',
  'vexil.v1.ReleaseService',
  'vexil.v1.KeyService',
  'vexil.v1.HistoryService',
  'vexil.v1.FleetService',
  'vexil.v1.AnalyticsService',
];
