import { accessSync, constants } from 'node:fs';
import { z } from 'zod';
import type { Violation } from '../core/errors.ts';

export interface MongoSettings {
  /** With its credentials. */
  readonly uri: string;
  readonly database: string;
}

export interface NatsSettings {
  /** With their credentials. */
  readonly servers: readonly string[];
  /** What the subjects of these replicas begin with. */
  readonly prefix: string;
  readonly credentialsFile?: string;
  /** Present: TLS or nothing. */
  readonly tls?: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string };
}

/** What replicas share. */
export interface FleetSettings {
  readonly mongo: MongoSettings;
  /** Undefined: replicas hear of changes by looking at the log. */
  readonly nats: NatsSettings | undefined;
}

export const FLEET_SECRETS = ['VEXIL_MONGODB_URI', 'VEXIL_NATS_URL'] as const;

const FILES = [
  'VEXIL_NATS_CREDENTIALS_FILE',
  'VEXIL_NATS_CA_FILE',
  'VEXIL_NATS_CERT_FILE',
  'VEXIL_NATS_KEY_FILE',
] as const;

/** The variables, as texts that are well-formed one by one. */
export const FLEET_VARIABLES = {
  VEXIL_MONGODB_URI: z
    .string()
    .regex(/^mongodb(\+srv)?:\/\/[^/?#\s]+/, 'must be of the form mongodb://… or mongodb+srv://…')
    .optional(),
  VEXIL_MONGODB_DATABASE: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,63}$/, 'must be 1 to 63 letters, digits, _ and -')
    .default('vexil'),
  VEXIL_NATS_URL: z
    .string()
    .refine(
      (text) => serversIn(text).every((url) => /^(nats|tls):\/\/[^/?#\s]+\/?$/.test(url)),
      'must be addresses of the form nats://host:port or tls://host:port, with commas between them',
    )
    .optional(),
  VEXIL_NATS_PREFIX: z
    .string()
    .regex(
      /^[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,7}$/,
      'must be letters, digits, _ and -, in parts between dots',
    )
    .default('vexil'),
  VEXIL_NATS_CREDENTIALS_FILE: z.string().optional(),
  VEXIL_NATS_CA_FILE: z.string().optional(),
  VEXIL_NATS_CERT_FILE: z.string().optional(),
  VEXIL_NATS_KEY_FILE: z.string().optional(),
};

type Given = Readonly<Record<string, string>>;

/** Undefined: this process is a service of its own. What does not go together is added to `violations`. */
export function fleetOf(given: Given, violations: Violation[]): FleetSettings | undefined {
  violations.push(...conflictsIn(given));
  const uri = given.VEXIL_MONGODB_URI;
  if (uri === undefined) return undefined;
  return { mongo: { uri, database: given.VEXIL_MONGODB_DATABASE ?? 'vexil' }, nats: natsOf(given) };
}

/** The same for people: nobody who reads it could log in. */
export function withoutCredentials({ mongo, nats }: FleetSettings): FleetSettings {
  return {
    mongo: { ...mongo, uri: hidden(mongo.uri) },
    nats: nats && { ...nats, servers: nats.servers.map(hidden) },
  };
}

// Options of a URI may hold secrets too. A malformed one may have an @ or a slash in its password.
function hidden(url: string): string {
  return url.replace(/\/\/.*@/s, '//***@').replace(/\?.*$/s, '?***');
}

function natsOf(given: Given): NatsSettings | undefined {
  const url = given.VEXIL_NATS_URL;
  if (url === undefined) return undefined;
  const credentialsFile = given.VEXIL_NATS_CREDENTIALS_FILE;
  const tls = {
    ...(given.VEXIL_NATS_CA_FILE !== undefined && { caFile: given.VEXIL_NATS_CA_FILE }),
    ...(given.VEXIL_NATS_CERT_FILE !== undefined && { certFile: given.VEXIL_NATS_CERT_FILE }),
    ...(given.VEXIL_NATS_KEY_FILE !== undefined && { keyFile: given.VEXIL_NATS_KEY_FILE }),
  };
  return {
    servers: serversIn(url),
    prefix: given.VEXIL_NATS_PREFIX ?? 'vexil',
    ...(credentialsFile !== undefined && { credentialsFile }),
    ...(Object.keys(tls).length > 0 && { tls }),
  };
}

function* conflictsIn(given: Given): Generator<Violation> {
  const needs = (path: string, other: string, why: string) =>
    given[path] !== undefined && given[other] === undefined
      ? [{ path: other, message: `is missing: ${why}` }]
      : [];
  yield* needs('VEXIL_NATS_URL', 'VEXIL_MONGODB_URI', 'NATS only says that the shared log has something new');
  yield* needs(
    'VEXIL_MONGODB_URI',
    'VEXIL_KEY_PEPPER',
    'replicas that share keys have to share their pepper',
  );
  yield* needs('VEXIL_NATS_CERT_FILE', 'VEXIL_NATS_KEY_FILE', 'a certificate is of no use without its key');
  yield* needs('VEXIL_NATS_KEY_FILE', 'VEXIL_NATS_CERT_FILE', 'a key is of no use without its certificate');
  for (const path of FILES) {
    const file = given[path];
    if (file === undefined) continue;
    if (given.VEXIL_NATS_URL === undefined) yield { path, message: 'is given without VEXIL_NATS_URL' };
    if (!isReadable(file)) yield { path, message: 'names a file that cannot be read' };
  }
}

function serversIn(text: string): string[] {
  return text.split(',').map((url) => url.trim());
}

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
