import { type Db, type Document, MongoClient, type MongoClientOptions, type ReadConcernLike } from 'mongodb';
import { FlagError } from '../../core/errors.ts';
import { storeClosed, translated, unanswered } from './mongo-errors.ts';

const DEFAULT_PATIENCE_MS = 5_000;
const CONNECT_MS = 3_000;

/** Members of a replica set (or a router before them), as the driver calls them. */
const REPLICATED = new Set<string>(['RSPrimary', 'RSSecondary', 'RSOther', 'Mongos', 'LoadBalancer']);

export interface MongoOptions {
  /** `mongodb://` or `mongodb+srv://`. Credentials, TLS, replica sets and all else by the options of such a URI. */
  readonly uri: string;
  readonly database: string;
  /** What the server calls this client in its own log. Default: `vexil`. */
  readonly appName?: string;
  /** How long one operation may take until it is `unavailable`. Default: 5 s. */
  readonly patienceMs?: number;
}

/**
 * A connection to one database, for all stores that are kept there. It is made when it is first needed, and made again
 * for as long as it takes; until then everything rejects with `unavailable`, within seconds. Rejects as `invalid`,
 * without showing it, a URI that is none.
 */
export function openMongo(options: MongoOptions): Mongo {
  const patienceMs = options.patienceMs ?? DEFAULT_PATIENCE_MS;
  try {
    return new Mongo(
      new MongoClient(options.uri, clientOptions(options, patienceMs)),
      options.database,
      patienceMs,
    );
  } catch (error) {
    throw new FlagError('invalid', 'the URI of MongoDB is not usable', {
      reason: 'STORE_ADDRESS_INVALID',
      cause: error,
    });
  }
}

/** What the URI itself does not say. */
function clientOptions({ uri, appName }: MongoOptions, patienceMs: number): MongoClientOptions {
  const defaults: MongoClientOptions = {
    // The driver allows 128 bytes.
    appName: (appName ?? 'vexil').replaceAll(/[^ -~]/g, '?').slice(0, 128),
    serverSelectionTimeoutMS: Math.min(CONNECT_MS, patienceMs),
    connectTimeoutMS: Math.min(CONNECT_MS, patienceMs),
    socketTimeoutMS: patienceMs,
    waitQueueTimeoutMS: patienceMs,
  };
  const query = new URLSearchParams(uri.includes('?') ? uri.slice(uri.indexOf('?') + 1) : '');
  const given = new Set([...query.keys()].map((name) => name.toLowerCase()));
  return Object.fromEntries(Object.entries(defaults).filter(([name]) => !given.has(name.toLowerCase())));
}

/**
 * How to read what was acknowledged before, all of it and nothing else, also while a replica set is choosing another
 * primary: linearizably. A server on its own knows no such reads, and needs none.
 */
export interface Reading {
  readonly signal: AbortSignal;
  readonly readConcern: ReadConcernLike;
  readonly maxTimeMS: number;
}

/** A client and one of its databases. What the driver throws leaves `run` as a `FlagError`. */
export class Mongo implements AsyncDisposable {
  readonly client: MongoClient;
  /** Reads from the primary, and writes to a majority's journals, whatever the URI says. */
  readonly db: Db;
  readonly #patienceMs: number;
  #isReplicated = false;
  #wasConnected = false;
  #closed = false;

  constructor(client: MongoClient, database: string, patienceMs: number) {
    this.client = client;
    this.#patienceMs = patienceMs;
    this.db = client.db(database, {
      readPreference: 'primary',
      writeConcern: { w: 'majority', journal: true },
    });
    client.on('topologyDescriptionChanged', ({ newDescription }) => {
      const types = [...newDescription.servers.values()].map(({ type }) => type);
      if (types.some((type) => type !== 'Unknown'))
        this.#isReplicated = types.some((type) => REPLICATED.has(type));
    });
  }

  /**
   * Runs one operation; if it reads, with these options. Rejects with `unavailable` when it takes too long (it may have
   * been done all the same), and once this is disposed. A duplicate key leaves it as the driver's own error.
   */
  async run<T>(work: (reading: Reading) => Promise<T>): Promise<T> {
    if (this.#closed) throw storeClosed();
    const timeout = new AbortController();
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      reject(unanswered());
      timeout.abort(unanswered());
    }, this.#patienceMs);
    try {
      return await Promise.race([this.#connected().then(() => work(this.#reading(timeout.signal))), late]);
    } catch (error) {
      throw this.#closed ? storeClosed() : translated(error);
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.client.close();
  }

  #reading(signal: AbortSignal): Reading {
    const level = this.#isReplicated ? 'linearizable' : 'local';
    return { signal, readConcern: { level }, maxTimeMS: this.#patienceMs };
  }

  // The driver connects again by itself, but only once it has been connected.
  async #connected(): Promise<void> {
    if (this.#wasConnected) return;
    await this.client.connect();
    this.#wasConnected = true;
  }
}

/** What the server sends at first, and no more of it. Only that is read linearizably. */
export async function firstBatch<T extends Document>(cursor: {
  hasNext(): Promise<boolean>;
  readBufferedDocuments(): T[];
  close(): Promise<void>;
}): Promise<T[]> {
  try {
    return (await cursor.hasNext()) ? cursor.readBufferedDocuments() : [];
  } finally {
    await cursor.close();
  }
}
