import { startWatchers, type Watchers } from '../load/load.ts';
import { base64, watchRequest } from './requests.ts';
import type { Service } from './service.ts';

/** A server's own limit for one connection. */
const STREAMS_PER_CONNECTION = 100;

/** Opens so many watches of all definitions, 100 on each connection, and waits until they know everything. */
export function watchAll(service: Service, streams: number): Promise<Watchers> {
  const { port, pid, token, change, messagesAtStart } = service;
  const streamsPerConnection = Math.min(STREAMS_PER_CONNECTION, streams);
  return startWatchers({
    ...{ port, pid, path: service.watchPath, messages: [watchRequest()], messagesAtStart },
    ...(token !== undefined && { token }),
    ...{ streamsPerConnection, connections: streams / streamsPerConnection },
    change: { ...change, messages: change.messages.map(base64) },
  });
}
