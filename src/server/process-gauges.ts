import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { Gauge } from './metrics.ts';

/** What there is to know about the process and its event loop, measured from now on. */
export function observeProcess(): { readonly gauges: readonly Gauge[] } & Disposable {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  let utilization = performance.eventLoopUtilization();
  const gauges: readonly Gauge[] = [
    {
      ...{ name: 'process.memory.usage', description: 'Resident memory.', unit: 'By' },
      read: () => process.memoryUsage.rss(),
    },
    {
      ...{ name: 'v8js.memory.heap.used', description: 'Memory of the heap in use.', unit: 'By' },
      read: () => process.memoryUsage().heapUsed,
    },
    {
      ...{ name: 'process.uptime', description: 'Time since the start.', unit: 's' },
      read: () => process.uptime(),
    },
    ...(['user', 'system'] as const).map(
      (mode): Gauge => ({
        ...{ name: 'process.cpu.time', description: 'Processor time used.', unit: 's', isTotal: true },
        attributes: { 'cpu.mode': mode },
        read: () => process.cpuUsage()[mode] / 1e6,
      }),
    ),
    {
      name: 'nodejs.eventloop.delay.p99',
      description: 'By how much the event loop was late since the last look, 99th percentile.',
      unit: 's',
      read: () => {
        const seconds = delay.count === 0 ? 0 : delay.percentile(99) / 1e9;
        delay.reset();
        return seconds;
      },
    },
    {
      name: 'nodejs.eventloop.utilization',
      description: 'The share of time since the last look that the event loop was busy.',
      unit: '1',
      read: () => {
        const now = performance.eventLoopUtilization();
        const share = performance.eventLoopUtilization(now, utilization).utilization;
        utilization = now;
        return share;
      },
    },
  ];
  return { gauges, [Symbol.dispose]: () => void delay.disable() };
}
