import { describe, expect, it } from 'vitest';
import { observeLinks } from '../../src/server/link-gauges.ts';
import { createMetrics } from '../../src/server/metrics.ts';

/** The lines that Prometheus gets of these. */
async function shown(isThere: boolean, ignored: (() => number) | undefined): Promise<string[]> {
  const metrics = createMetrics();
  const links = { bus: { connected: () => isThere }, ignored, aheadMs: () => -3_000 };
  observeLinks({ links, catalog: { isReachable: isThere } }, metrics);
  const text = await metrics.text();
  await metrics.close();
  const lines = text.split('\n').filter((line) => /^vexil_(log|bus|clock)_/.test(line));
  return lines.map((line) => line.replace(/\{.*\}/, ''));
}

describe('what ties a process to others', () => {
  it('is shown as it is', async () => {
    expect(await shown(true, () => 7)).toEqual([
      'vexil_log_reachable 1',
      'vexil_bus_connected 1',
      'vexil_clock_error 3000',
      'vexil_bus_ignored_total 7',
    ]);
    expect(await shown(false, undefined)).toEqual([
      'vexil_log_reachable 0',
      'vexil_bus_connected 0',
      'vexil_clock_error 3000',
    ]);
  });
});
