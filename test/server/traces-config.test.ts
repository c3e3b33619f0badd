import { expect, it } from 'vitest';
import { describeConfig, loadConfig } from '../../src/server/config.ts';
import { tracesOf } from '../../src/server/traces-config.ts';

const OTEL_EXPORTER_OTLP_ENDPOINT = 'http://collector.example:4318';

function withEndpoint(env: NodeJS.ProcessEnv = {}) {
  return tracesOf({ OTEL_EXPORTER_OTLP_ENDPOINT, ...env });
}

it('writes traces if there is a collector to send them to', () => {
  expect(withEndpoint()).toEqual({ isOn: true, followsCaller: true, ratio: 1, remarks: [] });
  const OTEL_EXPORTER_OTLP_TRACES_ENDPOINT = `${OTEL_EXPORTER_OTLP_ENDPOINT}/v1/traces`;
  expect(tracesOf({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT })).toMatchObject({ isOn: true });
});

it.each<NodeJS.ProcessEnv>([
  { OTEL_EXPORTER_OTLP_ENDPOINT: '' },
  { OTEL_SDK_DISABLED: 'true' },
  { OTEL_SDK_DISABLED: 'TRUE' },
  { OTEL_TRACES_EXPORTER: 'none' },
  { OTEL_TRACES_SAMPLER: 'always_off' },
  { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' },
])('writes none with %j, and has nothing to say about it', (env) => {
  expect(withEndpoint(env)).toMatchObject({ isOn: false, remarks: [] });
});

it.each([
  ['always_on', '0.5', { followsCaller: false, ratio: 1 }],
  ['traceidratio', '0.5', { followsCaller: false, ratio: 0.5 }],
  ['parentbased_always_on', '0.5', { followsCaller: true, ratio: 1 }],
  ['parentbased_always_off', '0.5', { followsCaller: true, ratio: 0 }],
  ['parentbased_traceidratio', '0.01', { followsCaller: true, ratio: 0.01 }],
  ['parentbased_traceidratio', '0', { followsCaller: true, ratio: 0 }],
  ['parentbased_traceidratio', '', { followsCaller: true, ratio: 1 }],
])('chooses calls as %s with %j asks', (OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG, chosen) => {
  const settings = withEndpoint({ OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG });
  expect(settings).toEqual({ ...chosen, isOn: true, remarks: [] });
});

it.each([
  [{ OTEL_TRACES_SAMPLER: 'now_and_then' }, 'OTEL_TRACES_SAMPLER'],
  [{ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '1.5' }, 'OTEL_TRACES_SAMPLER_ARG'],
  [{ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: 'some' }, 'OTEL_TRACES_SAMPLER_ARG'],
])('takes %j for what is usual, and says so', (env, name) => {
  const { isOn, ratio, remarks } = withEndpoint(env);
  expect([isOn, ratio, remarks]).toEqual([true, 1, [expect.stringContaining(name)]]);
});

it.each([
  [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, 'http/protobuf'],
  [{ OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json' }, 'http/protobuf'],
  [{ OTEL_TRACES_EXPORTER: 'zipkin' }, 'OTEL_TRACES_EXPORTER'],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }, 'OTEL_EXPORTER_OTLP_ENDPOINT'],
])('writes none if %j asks for what it cannot do, and says so', (env, reason) => {
  expect(withEndpoint(env)).toMatchObject({ isOn: false, remarks: [expect.stringContaining(reason)] });
});

it('shows in the configuration which calls are written down, and not where they are sent to', () => {
  const OTEL_TRACES_SAMPLER_ARG = '0.01';
  const described = describeConfig(
    loadConfig({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://user:password@collector.example',
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG,
    }),
  );
  expect(described).toContain('traces.ratio: 0.01');
  expect(described).not.toContain('collector.example');
});
