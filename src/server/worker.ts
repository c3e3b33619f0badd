import { processLine } from './backend.ts';
import { loadConfig } from './config.ts';
import { stopOnSignals } from './lifecycle.ts';
import { listenPublicly, openProcess } from './service-process.ts';
import { settleMemory } from './settle-memory.ts';
import type { OwnerMessage, WorkerMessage } from './workers.ts';

// One of several processes that share the public port, started by main.ts: it answers calls, and follows the log that
// its parent keeps up. It ends when its parent does.

const [index = 0, port = 0] = process.argv.slice(2).map(Number);
let end = (): void => process.exit(0);
process.on('disconnect', () => end());
process.on('message', (received) => {
  if ((received as OwnerMessage).kind === 'ping') tell({ kind: 'pong' });
});
const config = loadConfig(process.env);
const service = await openProcess(config, { kind: 'worker', number: index + 1, line: processLine(process) });
const { lifecycle, metrics, readiness, logger } = service;
end = () => void lifecycle.stop().then(() => process.exit(0));
stopOnSignals(lifecycle, process, (code) => process.exit(code));
process.on('message', (received) => {
  const message = received as OwnerMessage;
  if (message.kind === 'ask-metrics')
    void metrics.text().then((text) => tell({ kind: 'metrics', call: message.call, text }));
});
// The parent may have gone while this started, and nobody would ever end it.
if (!process.connected) process.exit(0);
const listener = await listenPublicly(service, port, true).catch((error: unknown) => {
  logger.error({ err: error }, 'the port cannot be opened');
  process.exit(1);
});
settleMemory();
readiness.unblock('starting');
tell({ kind: 'listening', port: listener.port });

function tell(message: WorkerMessage): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}
