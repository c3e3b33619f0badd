import { describe, expect, it } from 'vitest';
import { mergeMetrics } from '../../src/server/merge-metrics.ts';

const page = (calls: number) =>
  [
    '# HELP calls_total How many calls there were.',
    '# TYPE calls_total counter',
    `calls_total{method="a b",path="}{"} ${calls}`,
    '# HELP watchers Open streams.',
    '# TYPE watchers gauge',
    `watchers ${calls + 1} 1700000000000`,
    '',
  ].join('\n');

describe('metrics of several processes', () => {
  it('are one page, with a label for each process and each family described once', () => {
    const merged = mergeMetrics(
      new Map([
        ['0', page(3)],
        ['1', page(5)],
      ]),
    );
    expect(merged).toBe(
      [
        '# HELP calls_total How many calls there were.',
        '# TYPE calls_total counter',
        'calls_total{method="a b",path="}{",worker="0"} 3',
        'calls_total{method="a b",path="}{",worker="1"} 5',
        '',
        '# HELP watchers Open streams.',
        '# TYPE watchers gauge',
        'watchers{worker="0"} 4 1700000000000',
        'watchers{worker="1"} 6 1700000000000',
        '',
      ].join('\n'),
    );
  });

  it('has what only one of them has', () => {
    const extra = '# TYPE extra gauge\nextra 1\n';
    expect(
      mergeMetrics(
        new Map([
          ['0', page(1)],
          ['1', extra],
        ]),
      ),
    ).toContain('extra{worker="1"} 1');
  });
});
