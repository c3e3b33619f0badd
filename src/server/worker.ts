import { processLine } from './compose.ts';
import { loadConfig } from './config.ts';
import { stopOnSignals } from './lifecycle.ts';
import { listenPublicly, openProcess } from './service-process.ts';
import { settleMemory } from './settle-memory.ts';
import type { OwnerMessage, WorkerMessage } from './workers.ts';

// One of several processes that share the public port, started by main.ts: it answers calls, and follows the log that
// its parent keeps up. It ends when its parent does.

const [index = 0, port = 0] = process.argv.slice(2).map(Number);
const config = loadConfig(process.env);
const service = await openProcess(config, { kind: 'worker', number: index + 1, line: processLine(process) });
const { lifecycle, metrics, readiness } = service;
stopOnSignals(lifecycle, process, (code) => process.exit(code));
process.on('disconnect', () => void lifecycle.stop().then(() => process.exit(0)));
process.on('message', (received) => {
  const message = received as OwnerMessage;
  if (message.kind === 'ask-metrics')
    void metrics.text().then((text) => tell({ kind: 'metrics', call: message.call, text }));
});
const listener = await listenPublicly(service, port, true);
settleMemory();
readiness.unblock('starting');
tell({ kind: 'listening', port: listener.port });

function tell(message: WorkerMessage): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}
