import { z } from 'zod';
import type { AdmissionLimits } from '../app/admission.ts';
import type { RetentionTimes } from '../app/exposures/retention.ts';
import { FlagError, type Violation } from '../core/errors.ts';
import { DEFAULT_LIMITS, type Limits } from '../core/limits.ts';
import { EXPOSURE_VARIABLES, type ExposureSettings, exposuresOf } from './exposure-config.ts';
import {
  FLEET_SECRETS,
  FLEET_VARIABLES,
  type FleetSettings,
  fleetOf,
  withoutCredentials,
} from './fleet-config.ts';
import type { FreshnessOptions } from './freshness.ts';
import type { ConnectionLimits } from './listen.ts';
import { addSecretsFromFiles } from './secret-file.ts';
import { type TraceSettings, tracesOf } from './traces-config.ts';
import { type Roles, retentionOf, rolesOf, WRITING_VARIABLES } from './writing-config.ts';

/** Which port serves something, if any. */
export type Exposure = 'public' | 'management' | 'off';

export interface TlsPaths {
  readonly certPath: string;
  readonly keyPath: string;
  /** Set: clients must show a certificate that one of these signed. */
  readonly clientCaPath?: string;
}

export interface MessageSettings {
  readonly maxEvaluateBytes: number;
  readonly maxManagementBytes: number;
  readonly maxJsonDepth: number;
  /** Within which a request of one message must have arrived. */
  readonly receiveTimeoutMs: number;
  /** The longest that a unary call may take. */
  readonly unaryTimeoutMs: number;
}

export interface Config {
  readonly host: string;
  readonly port: number;
  readonly managementHost: string;
  readonly managementPort: number;
  readonly dataDir: string;
  /** Undefined: everything is in the data directory, and there are no other replicas. */
  readonly fleet: FleetSettings | undefined;
  /** What others call this replica. Undefined: the name of the machine and the number of the process. */
  readonly replicaName: string | undefined;
  /** How many processes answer calls. With more than one, none of them is this one. */
  readonly workers: number;
  readonly logLevel: LogLevel;
  readonly tls: TlsPaths | undefined;
  readonly managementApi: Exposure;
  readonly reflection: Exposure;
  /** Mixed into the hashes of keys. Undefined: the one in the data directory. */
  readonly keyPepper: string | undefined;
  readonly heartbeatMs: number;
  /** How long a watch may last, about; 0 for as long as it likes. */
  readonly maxWatchAgeMs: number;
  readonly freshness: FreshnessOptions;
  readonly drainDelayMs: number;
  readonly shutdownMs: number;
  readonly connections: ConnectionLimits;
  readonly messages: MessageSettings;
  /** Whether hot calls have a path of their own beside the RPC library's. */
  readonly fastPath: boolean;
  /** Undefined: nothing is recorded. */
  readonly exposures: ExposureSettings | undefined;
  readonly roles: Roles;
  /** For how long the tables that are made of exposures keep what. */
  readonly retention: RetentionTimes;
  readonly admission: AdmissionLimits;
  readonly traces: TraceSettings;
  readonly limits: Limits;
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const EXPOSURES = ['public', 'management', 'off'] as const;
const SECRETS = ['VEXIL_KEY_PEPPER', ...FLEET_SECRETS] as const;
/** Read by the command line, which may run in the same environment. */
const CLIENT_VARIABLES = new Set([
  'VEXIL_SERVER',
  'VEXIL_TOKEN',
  'VEXIL_TOKEN_FILE',
  'VEXIL_PROJECT',
  'VEXIL_ENVIRONMENT',
  'VEXIL_CONTEXT',
]);
const PREFIX = 'VEXIL_';
const LIMIT_PREFIX = 'VEXIL_LIMIT_';
const DAY_MS = 86_400_000;
const GIB = 2 ** 30;

const Variables = z.strictObject({
  VEXIL_HOST: z.string().default('127.0.0.1'),
  VEXIL_PORT: whole(0, 65_535).default(8013),
  VEXIL_MANAGEMENT_HOST: z.string().default('127.0.0.1'),
  VEXIL_MANAGEMENT_PORT: whole(0, 65_535).default(8014),
  VEXIL_DATA_DIR: z.string().default('./data'),
  ...FLEET_VARIABLES,
  ...EXPOSURE_VARIABLES,
  ...WRITING_VARIABLES,
  VEXIL_WORKERS: whole(1, 256).default(1),
  VEXIL_REPLICA: z.string().max(100, 'must have 100 characters at most').optional(),
  VEXIL_LOG_LEVEL: oneOf(LOG_LEVELS).default('info'),
  VEXIL_TLS_CERT: z.string().optional(),
  VEXIL_TLS_KEY: z.string().optional(),
  VEXIL_TLS_CLIENT_CA: z.string().optional(),
  VEXIL_MANAGEMENT_API: oneOf(EXPOSURES).optional(),
  VEXIL_REFLECTION: oneOf(EXPOSURES).optional(),
  VEXIL_KEY_PEPPER: z.string().min(32, 'must have 32 characters or more').optional(),
  VEXIL_HEARTBEAT_MS: whole(100, DAY_MS).default(15_000),
  VEXIL_MAX_WATCH_AGE_MS: whole(0, DAY_MS).default(0),
  VEXIL_MAX_STALENESS_MS: whole(1_000, DAY_MS).default(60_000),
  VEXIL_SERVE_STALE: oneOf(['on', 'off']).default('on'),
  VEXIL_COLD_START_MS: whole(0, DAY_MS).default(10_000),
  VEXIL_DRAIN_DELAY_MS: whole(0, DAY_MS).optional(),
  VEXIL_SHUTDOWN_MS: whole(0, DAY_MS).default(25_000),
  VEXIL_MAX_EVALUATE_BYTES: whole(1_024, GIB).default(2 ** 20),
  VEXIL_MAX_MANAGEMENT_BYTES: whole(1_024, GIB).default(4 * 2 ** 20),
  VEXIL_MAX_JSON_DEPTH: whole(1, 1_000).default(64),
  VEXIL_FAST_PATH: oneOf(['on', 'off']).default('on'),
  VEXIL_MAX_HEADER_BYTES: whole(1_024, 2 ** 20).default(16_384),
  VEXIL_MAX_CONNECTIONS: whole(1, 10_000_000).default(10_000),
  VEXIL_MAX_STREAMS_PER_CONNECTION: whole(1, 1_000_000).default(100),
  VEXIL_MAX_CALLS_PER_KEY_PER_SECOND: whole(0, 1e9).default(50_000),
  VEXIL_MAX_STREAMS_PER_KEY: whole(0, 1e9).default(50_000),
  VEXIL_MAX_STREAMS_PER_ADDRESS: whole(0, 1e9).default(20_000),
  VEXIL_MAX_OPEN_STREAMS_PER_ADDRESS: whole(0, 1e9).default(100),
  VEXIL_MAX_REFUSED_KEYS_PER_ADDRESS_PER_SECOND: whole(0, 1e9).default(100),
  VEXIL_CONNECT_TIMEOUT_MS: whole(1, DAY_MS).default(10_000),
  VEXIL_RECEIVE_TIMEOUT_MS: whole(1, DAY_MS).default(10_000),
  VEXIL_CALL_TIMEOUT_MS: whole(1, DAY_MS).default(30_000),
  VEXIL_IDLE_CONNECTION_MS: whole(1, DAY_MS).default(300_000),
});

/**
 * The settings that these environment variables ask for. Throws a FlagError that names every variable that is
 * unknown, malformed or in conflict with another. Empty variables count as absent; a secret may also be given as
 * the path of a file, in a variable whose name ends in `_FILE`.
 */
export function loadConfig(env: NodeJS.ProcessEnv): Config {
  const violations: Violation[] = [];
  const given = addSecretsFromFiles(ownVariables(env), SECRETS, violations);
  const settings = Object.entries(given).filter(([name]) => !name.startsWith(LIMIT_PREFIX));
  const limits = limitsOf(given, violations);
  const parsed = Variables.safeParse(Object.fromEntries(settings));
  if (!parsed.success) violations.push(...parsed.error.issues.flatMap(violationsOf));
  const tls = tlsOf(given, violations);
  const fleet = fleetOf(given, violations);
  if (violations.length > 0 || !parsed.success) throw configError(violations);
  return { ...toConfig(parsed.data, tls, limits), fleet, traces: tracesOf(env) };
}

/** One line per setting, for people and logs, without secrets. */
export function describeConfig(config: Config): string {
  const keyPepper = config.keyPepper === undefined ? undefined : '(secret)';
  const fleet = config.fleet && withoutCredentials(config.fleet);
  return flatten('', { ...config, keyPepper, fleet })
    .map(([name, value]) => `${name}: ${value}`)
    .join('\n');
}

function ownVariables(env: NodeJS.ProcessEnv): Record<string, string> {
  const own: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    const ours = name.startsWith(PREFIX) && !CLIENT_VARIABLES.has(name);
    if (ours && value !== undefined && value !== '') own[name] = value;
  }
  if (env.LOG_LEVEL !== undefined && env.LOG_LEVEL !== '') own.VEXIL_LOG_LEVEL ??= env.LOG_LEVEL;
  return own;
}

function limitsOf(given: Readonly<Record<string, string>>, violations: Violation[]): Limits {
  const limits: Record<keyof Limits, number> = { ...DEFAULT_LIMITS };
  const unread = new Set(Object.keys(given).filter((name) => name.startsWith(LIMIT_PREFIX)));
  for (const limit of limitNames()) {
    const name = LIMIT_PREFIX + limit.replace(/[A-Z]/g, '_$&').toUpperCase();
    if (!unread.delete(name)) continue;
    const parsed = whole(1, GIB).safeParse(given[name]);
    if (parsed.success) limits[limit] = parsed.data;
    else violations.push({ path: name, message: parsed.error.issues[0]?.message ?? 'is malformed' });
  }
  for (const name of unread) violations.push({ path: name, message: 'is no limit of this service' });
  return limits;
}

function limitNames(): (keyof Limits)[] {
  const isLimit = (name: string): name is keyof Limits => name in DEFAULT_LIMITS;
  return Object.keys(DEFAULT_LIMITS).filter(isLimit);
}

function tlsOf(given: Readonly<Record<string, string>>, violations: Violation[]): TlsPaths | undefined {
  const certPath = given.VEXIL_TLS_CERT;
  const keyPath = given.VEXIL_TLS_KEY;
  const clientCaPath = given.VEXIL_TLS_CLIENT_CA;
  if (certPath !== undefined && keyPath !== undefined)
    return { certPath, keyPath, ...(clientCaPath === undefined ? {} : { clientCaPath }) };
  if (certPath === undefined && keyPath === undefined && clientCaPath === undefined) return undefined;
  for (const [name, path] of [
    ['VEXIL_TLS_CERT', certPath],
    ['VEXIL_TLS_KEY', keyPath],
  ])
    if (name !== undefined && path === undefined)
      violations.push({ path: name, message: 'is missing: TLS needs a certificate and its key' });
  return undefined;
}

function toConfig(
  given: z.infer<typeof Variables>,
  tls: TlsPaths | undefined,
  limits: Limits,
): Omit<Config, 'fleet' | 'traces'> {
  const local = isLoopback(given.VEXIL_HOST);
  const exposure = local ? 'public' : 'management';
  return {
    host: given.VEXIL_HOST,
    port: given.VEXIL_PORT,
    managementHost: given.VEXIL_MANAGEMENT_HOST,
    managementPort: given.VEXIL_MANAGEMENT_PORT,
    dataDir: given.VEXIL_DATA_DIR,
    replicaName: given.VEXIL_REPLICA,
    workers: given.VEXIL_WORKERS,
    logLevel: given.VEXIL_LOG_LEVEL,
    tls,
    managementApi: given.VEXIL_MANAGEMENT_API ?? exposure,
    reflection: given.VEXIL_REFLECTION ?? exposure,
    keyPepper: given.VEXIL_KEY_PEPPER,
    heartbeatMs: given.VEXIL_HEARTBEAT_MS,
    maxWatchAgeMs: given.VEXIL_MAX_WATCH_AGE_MS,
    freshness: {
      maxStalenessMs: given.VEXIL_MAX_STALENESS_MS,
      servesStale: given.VEXIL_SERVE_STALE === 'on',
      coldStartMs: given.VEXIL_COLD_START_MS,
    },
    drainDelayMs: given.VEXIL_DRAIN_DELAY_MS ?? (local ? 0 : 5_000),
    shutdownMs: given.VEXIL_SHUTDOWN_MS,
    connections: {
      maxConnections: given.VEXIL_MAX_CONNECTIONS,
      maxStreamsPerConnection: given.VEXIL_MAX_STREAMS_PER_CONNECTION,
      maxHeaderBytes: given.VEXIL_MAX_HEADER_BYTES,
      firstBytesTimeoutMs: given.VEXIL_CONNECT_TIMEOUT_MS,
      requestTimeoutMs: given.VEXIL_RECEIVE_TIMEOUT_MS,
      idleConnectionMs: given.VEXIL_IDLE_CONNECTION_MS,
    },
    messages: {
      maxEvaluateBytes: given.VEXIL_MAX_EVALUATE_BYTES,
      maxManagementBytes: given.VEXIL_MAX_MANAGEMENT_BYTES,
      maxJsonDepth: given.VEXIL_MAX_JSON_DEPTH,
      receiveTimeoutMs: given.VEXIL_RECEIVE_TIMEOUT_MS,
      unaryTimeoutMs: given.VEXIL_CALL_TIMEOUT_MS,
    },
    fastPath: given.VEXIL_FAST_PATH === 'on',
    exposures: exposuresOf(given),
    roles: rolesOf(given),
    retention: retentionOf(given),
    admission: {
      callsPerKeyPerSecond: given.VEXIL_MAX_CALLS_PER_KEY_PER_SECOND,
      streamsPerKey: given.VEXIL_MAX_STREAMS_PER_KEY,
      streamsPerAddress: given.VEXIL_MAX_STREAMS_PER_ADDRESS,
      openStreamsPerAddress: given.VEXIL_MAX_OPEN_STREAMS_PER_ADDRESS,
      refusedKeysPerAddressPerSecond: given.VEXIL_MAX_REFUSED_KEYS_PER_ADDRESS_PER_SECOND,
    },
    limits,
  };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

function whole(min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .refine((text) => /^\d{1,15}$/.test(text) && Number(text) >= min && Number(text) <= max, message)
    .transform(Number);
}

function oneOf<const Values extends readonly string[]>(values: Values) {
  return z.enum(values, { error: `must be one of ${values.join(', ')}` });
}

function violationsOf(issue: z.core.$ZodIssue): Violation[] {
  if (issue.code !== 'unrecognized_keys') return [{ path: String(issue.path[0]), message: issue.message }];
  return issue.keys.map((path) => ({ path, message: 'is no variable of this service' }));
}

function configError(violations: readonly Violation[]): FlagError {
  const lines = violations.map(({ path, message }) => `${path} ${message}`);
  return new FlagError('invalid', `the configuration is not usable\n  ${lines.join('\n  ')}`, { violations });
}

function flatten(name: string, value: unknown): [string, unknown][] {
  if (value === undefined) return [];
  if (typeof value !== 'object' || value === null) return [[name, value]];
  return Object.entries(value).flatMap(([key, each]) => flatten(name === '' ? key : `${name}.${key}`, each));
}
