import type { Metrics } from './metrics.ts';
import type { SpanWriterOptions } from './span-writer.ts';
import type { TraceSettings } from './traces-config.ts';

/**
 * Metrics that also write traces of the calls that they are told of, and send the last of them when they are closed.
 * Without a collector they are as they were, and nothing is loaded.
 */
export async function withTraces(
  metrics: Metrics,
  settings: TraceSettings,
  options: Omit<SpanWriterOptions, 'settings'>,
): Promise<Metrics> {
  for (const remark of settings.remarks) options.report(remark, {});
  if (!settings.isOn) return metrics;
  const { createSpanWriter } = await import('./span-writer.ts');
  const writer = createSpanWriter({ ...options, settings });
  metrics.add({
    name: 'vexil.spans.lost',
    description: 'Spans that no collector has.',
    isTotal: true,
    read: writer.lost,
  });
  return {
    ...metrics,
    recordCall: (call) => {
      metrics.recordCall(call);
      writer.record(call);
    },
    close: async () => {
      await writer.close();
      await metrics.close();
    },
  };
}
