import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, it } from 'vitest';
import { QueryEvaluationsResponseSchema, TimeStep } from '../../../gen/vexil/v1/analytics_service_pb.ts';
import { seriesChart } from '../../../src/cli/view/figures.ts';

const T = Date.parse('2030-01-01T00:00:00Z');
const DAY_MS = 86_400_000;

it('draws thousands of flags, each of which has many columns', () => {
  const flags = Array.from({ length: 8_000 }, (_, n) => `flag-${n}`);
  const answer = create(QueryEvaluationsResponseSchema, {
    ...{ step: TimeStep.DAY, startTime: timestampFromMs(T), endTime: timestampFromMs(T + 40 * DAY_MS) },
    series: flags.map((flag) => ({
      ...{ flag, variation: 'on' },
      points: [{ time: timestampFromMs(T + 39 * DAY_MS), count: 1n, estimate: 1 }],
    })),
    totals: flags.map((flag) => ({ flag, variation: 'on', count: 1n, estimate: 1 })),
  });
  const lines = seriesChart(answer, false).split('\n');
  expect(lines).toHaveLength(1 + flags.length + 2);
  expect(lines[1]).toMatch(/^flag-0 +on +█ +1 +0\.013%$/);
});

it('fits into a narrow terminal, by columns for more of time', () => {
  const answer = create(QueryEvaluationsResponseSchema, {
    ...{ step: TimeStep.DAY, startTime: timestampFromMs(T), endTime: timestampFromMs(T + 40 * DAY_MS) },
    series: [{ flag: 'checkout', variation: 'on', points: [{ time: timestampFromMs(T), estimate: 1 }] }],
    totals: [{ flag: 'checkout', variation: 'on', estimate: 1, subjects: 1n }],
  });
  const widest = (lineWidth?: number) =>
    Math.max(
      ...seriesChart(answer, false, lineWidth)
        .split('\n')
        .slice(0, 2)
        .map((line) => line.length),
    );
  expect(widest(60)).toBeLessThanOrEqual(60);
  expect(seriesChart(answer, false, 60)).toContain('a column is 3 d');
  expect(widest(200)).toBe(widest());
});
