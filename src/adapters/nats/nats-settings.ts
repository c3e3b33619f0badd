import { readFileSync } from 'node:fs';
import { type ConnectionOptions, credsAuthenticator } from 'nats';
import type { Clock } from '../../ports/clock.ts';
import { natsServers } from './nats-servers.ts';
import type { Report } from './quiet-report.ts';

export interface NatsOptions {
  /** `nats://host:port` or `tls://host:port`; see `natsServers`. */
  readonly servers: readonly string[];
  /** As the servers show this connection. */
  readonly name: string;
  /** Path of a credentials file (JWT and seed), read anew at each connection. */
  readonly credentialsFile?: string;
  /** Paths of PEM files. Present, even if empty: TLS or nothing. */
  readonly tls?: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string };
  readonly clock: Clock;
  readonly report: Report;
  /** After three of these without an answer the connection is given up. Default: 5 s. */
  readonly pingIntervalMs?: number;
  /** How much may have been sent that the server is not known to have read. Default: 1 MiB. */
  readonly mostUnconfirmedBytes?: number;
}

/** Between two attempts to connect. */
export const RETRY_MS = 500;
const DIAL_TIMEOUT_MS = 5_000;
const PING_INTERVAL_MS = 5_000;
/** Pings that may be unanswered before the next one is due. */
const UNANSWERED_PINGS = 2;

/** Throws `invalid` for addresses that are none. */
export function settingsOf(options: NatsOptions): ConnectionOptions {
  const { addresses, user, password, token, tls: asksForTls } = natsServers(options.servers);
  const { credentialsFile } = options;
  const tls = options.tls ?? (asksForTls ? {} : undefined);
  return {
    servers: [...addresses],
    name: options.name,
    ...(user !== undefined && { user, pass: password }),
    ...(token !== undefined && { token }),
    ...(credentialsFile !== undefined && {
      authenticator: credsAuthenticator(() => readFileSync(credentialsFile)),
    }),
    ...(tls !== undefined && { tls }),
    noEcho: true,
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: RETRY_MS,
    reconnectJitter: RETRY_MS / 5,
    reconnectJitterTLS: RETRY_MS / 5,
    timeout: DIAL_TIMEOUT_MS,
    pingInterval: options.pingIntervalMs ?? PING_INTERVAL_MS,
    maxPingOut: UNANSWERED_PINGS,
    noAsyncTraces: true,
  };
}
