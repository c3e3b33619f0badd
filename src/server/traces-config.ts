/** Whether and which calls are written to traces. */
export interface TraceSettings {
  /** Whether there is a collector to send spans to. */
  readonly isOn: boolean;
  /** Whether a call is written down if and only if its caller writes down what it belongs to. */
  readonly followsCaller: boolean;
  /** Share of the other calls that is written down, from 0 to 1. */
  readonly ratio: number;
  /** What was asked for and cannot be had, in words. */
  readonly remarks: readonly string[];
}

const OFF: TraceSettings = { isOn: false, followsCaller: true, ratio: 0, remarks: [] };

type Sampler = (ratio: number) => Pick<TraceSettings, 'followsCaller' | 'ratio'>;

const SAMPLERS: ReadonlyMap<string, Sampler> = new Map<string, Sampler>([
  ['always_on', () => ({ followsCaller: false, ratio: 1 })],
  ['always_off', () => ({ followsCaller: false, ratio: 0 })],
  ['traceidratio', (ratio) => ({ followsCaller: false, ratio })],
  ['parentbased_always_on', () => ({ followsCaller: true, ratio: 1 })],
  ['parentbased_always_off', () => ({ followsCaller: true, ratio: 0 })],
  ['parentbased_traceidratio', (ratio) => ({ followsCaller: true, ratio })],
]);
const USUAL_SAMPLER = 'parentbased_always_on';
const PROTOCOL = 'http/protobuf';

/**
 * What the variables of OpenTelemetry ask for. Never throws: they are shared with other programs, and a service that
 * decides must not stay away because of what it tells about itself.
 */
export function tracesOf(env: NodeJS.ProcessEnv): TraceSettings {
  const endpoint = firstOf(env, 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT');
  if (endpoint === undefined || firstOf(env, 'OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return OFF;
  const exporters = (firstOf(env, 'OTEL_TRACES_EXPORTER') ?? 'otlp').split(',').map((each) => each.trim());
  if (exporters.includes('none')) return OFF;
  const problem = problemOf(env, endpoint, exporters);
  if (problem !== undefined) return { ...OFF, remarks: [`there are no traces: ${problem}`] };
  const sampler = samplingOf(env);
  return { ...sampler, isOn: sampler.followsCaller || sampler.ratio > 0 };
}

function problemOf(
  env: NodeJS.ProcessEnv,
  endpoint: string,
  exporters: readonly string[],
): string | undefined {
  const protocol = firstOf(env, 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL');
  if (!exporters.includes('otlp')) return 'OTEL_TRACES_EXPORTER may be otlp or none';
  if (protocol !== undefined && protocol !== PROTOCOL)
    return `OTEL_EXPORTER_OTLP_PROTOCOL may be ${PROTOCOL} only`;
  if (!/^https?:$/.test(URL.parse(endpoint)?.protocol ?? ''))
    return 'OTEL_EXPORTER_OTLP_ENDPOINT is no URL of HTTP';
  return undefined;
}

function samplingOf(env: NodeJS.ProcessEnv): Omit<TraceSettings, 'isOn'> {
  const name = firstOf(env, 'OTEL_TRACES_SAMPLER') ?? USUAL_SAMPLER;
  const given = firstOf(env, 'OTEL_TRACES_SAMPLER_ARG');
  const ratio = Number(given ?? 1);
  const isRatio = ratio >= 0 && ratio <= 1;
  const sampler = SAMPLERS.get(name) ?? SAMPLERS.get(USUAL_SAMPLER);
  if (sampler === undefined) throw new Error(`there is no sampler ${USUAL_SAMPLER}`);
  const remarks = [
    ...(SAMPLERS.has(name) ? [] : [`OTEL_TRACES_SAMPLER is taken for ${USUAL_SAMPLER}`]),
    ...(isRatio ? [] : ['OTEL_TRACES_SAMPLER_ARG is taken for 1, for it is no number from 0 to 1']),
  ];
  return { ...sampler(isRatio ? ratio : 1), remarks };
}

/** The first of these variables that is neither absent nor empty. */
function firstOf(env: NodeJS.ProcessEnv, ...names: readonly string[]): string | undefined {
  return names.map((name) => env[name]?.trim()).find((value) => value !== undefined && value !== '');
}
