import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { systemClock } from '../../../src/adapters/in-process/system-clock.ts';
import type { Clock } from '../../../src/ports/clock.ts';
import { createRandom } from '../../attacks/random.ts';
import { Lane, type LaneFaults, NO_FAULTS } from './lane.ts';

/** What a connection's bytes go through before they reach the lane. It may keep some, or pass them later. */
export type Stage = (pass: (bytes: Buffer) => void) => (bytes: Buffer) => void;

export interface FaultProxyOptions {
  /** Where the server is; asked for at each connection. */
  readonly target: () => { readonly host: string; readonly port: number };
  /** Of the jitter. Default 1. */
  readonly seed?: number;
  readonly clock?: Clock;
  /** Between the server and the lane to the client. */
  readonly toClientStage?: Stage;
}

/** How a connection is ended: as by a crash, or in good order. */
export type Cut = 'reset' | 'finish';

/** One way through the proxy, on every connection, those to come included. */
export interface Way {
  /** Sets these faults and leaves the others as they are. */
  set(faults: Partial<LaneFaults>): void;
  /** On each connection there is: this many bytes more, then it is cut. On new ones too, until `heal`. */
  cutAfter(bytes: number, how?: Cut): void;
  /** On each connection there is: flips a bit of the byte that comes after so many more. */
  flipAfter(bytes: number): void;
  /** Ends this way of each connection there is; the other way goes on. */
  halfClose(): void;
  /** How many bytes have arrived to go this way. */
  readonly arrivedBytes: number;
  /** How many of them wait here. */
  readonly queuedBytes: number;
}

/** A TCP proxy that does to connections what networks do. Memory is bounded: what cannot be passed on is not read. */
export interface FaultProxy extends AsyncDisposable {
  readonly port: number;
  readonly toServer: Way;
  readonly toClient: Way;
  readonly connections: number;
  /** Cuts every connection there is. */
  cut(how?: Cut): void;
  /** Resets new connections at once, or not any more. */
  refuse(refusing: boolean): void;
  /** Nothing passes either way, or it does again. */
  blackhole(on: boolean): void;
  /** Takes away every fault. Connections that were cut stay cut. */
  heal(): void;
}

interface Link {
  readonly toServer: Lane;
  readonly toClient: Lane;
  readonly server: Socket;
  readonly client: Socket;
  cut(how: Cut): void;
}

/** Listens on a free port of 127.0.0.1. */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const links = new Set<Link>();
  let refusing = false;
  const toServer = new FaultyWay(links, 'toServer');
  const toClient = new FaultyWay(links, 'toClient');
  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (refusing) client.resetAndDestroy();
    else link(client, options, { links, toServer, toClient });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const ways = [toServer, toClient];
  return {
    port,
    toServer,
    toClient,
    get connections() {
      return links.size;
    },
    cut(how = 'reset') {
      for (const each of links) each.cut(how);
    },
    refuse(on) {
      refusing = on;
    },
    blackhole(on) {
      for (const way of ways) way.set({ blackhole: on });
    },
    heal() {
      refusing = false;
      for (const way of ways) way.heal();
    },
    async [Symbol.asyncDispose]() {
      for (const each of links) each.cut('reset');
      server.close();
      await once(server, 'close');
    },
  };
}

class FaultyWay implements Way {
  readonly #links: ReadonlySet<Link>;
  readonly #lane: 'toServer' | 'toClient';
  faults: LaneFaults = NO_FAULTS;
  arrivedBytes = 0;
  /** What new connections are allowed. */
  limit: { readonly bytes: number; readonly how: Cut } | undefined;

  constructor(links: ReadonlySet<Link>, lane: 'toServer' | 'toClient') {
    this.#links = links;
    this.#lane = lane;
  }

  get queuedBytes(): number {
    return [...this.#links].reduce((sum, link) => sum + link[this.#lane].queuedBytes, 0);
  }

  set(faults: Partial<LaneFaults>): void {
    this.faults = { ...this.faults, ...faults };
    for (const link of this.#links) link[this.#lane].flow();
  }

  cutAfter(bytes: number, how: Cut = 'reset'): void {
    this.limit = { bytes, how };
    for (const link of [...this.#links]) link[this.#lane].cutAfter(bytes);
  }

  flipAfter(bytes: number): void {
    for (const link of this.#links) link[this.#lane].flipAfter(bytes);
  }

  halfClose(): void {
    for (const link of this.#links) link[this.#lane].end();
  }

  heal(): void {
    this.limit = undefined;
    for (const link of this.#links) link[this.#lane].cutAfter(Number.POSITIVE_INFINITY);
    this.set(NO_FAULTS);
  }
}

interface Shared {
  readonly links: Set<Link>;
  readonly toServer: FaultyWay;
  readonly toClient: FaultyWay;
}

function link(client: Socket, options: FaultProxyOptions, { links, toServer, toClient }: Shared): void {
  const server = connect({ ...options.target(), allowHalfOpen: true });
  const clock = options.clock ?? systemClock;
  const random = createRandom((options.seed ?? 1) + links.size);
  const cut = (how: Cut) => {
    links.delete(made);
    for (const lane of [made.toServer, made.toClient]) lane[Symbol.dispose]();
    for (const socket of [client, server])
      if (how === 'finish') socket.destroySoon();
      // A reset of a socket that is being shut down fails, and leaves it open for ever.
      else if (socket.writableEnded || socket.destroyed) socket.destroy();
      else socket.resetAndDestroy();
  };
  const lane = (from: Socket, to: Socket, way: FaultyWay) =>
    new Lane({
      from,
      to,
      clock,
      random,
      faults: () => way.faults,
      cut: () => cut(way.limit?.how ?? 'reset'),
    });
  const made: Link = {
    ...{ client, server, cut },
    toServer: lane(client, server, toServer),
    toClient: lane(server, client, toClient),
  };
  links.add(made);
  feed(client, made.toServer, toServer, undefined);
  feed(server, made.toClient, toClient, options.toClientStage);
  keepUp(made, links);
  for (const way of [toServer, toClient])
    if (way.limit !== undefined) made[way === toServer ? 'toServer' : 'toClient'].cutAfter(way.limit.bytes);
}

/** Ends either end of a connection once the other is gone, and forgets it when both are. */
function keepUp(link: Link, links: Set<Link>): void {
  const { client, server } = link;
  for (const socket of [client, server]) {
    socket.setNoDelay(true);
    socket.on('error', () => link.cut('reset'));
    const other = socket === client ? server : client;
    // What it was sent may still be on its way; after that nobody is there for it.
    socket.on('close', () => {
      if (other.writableFinished) other.destroy();
      else other.once('finish', () => other.destroy());
      if (client.closed && server.closed) links.delete(link);
    });
  }
}

function feed(from: Socket, lane: Lane, way: FaultyWay, stage: Stage | undefined): void {
  const take = stage?.((bytes) => lane.push(bytes)) ?? ((bytes: Buffer) => lane.push(bytes));
  from.on('data', (bytes: Buffer) => {
    way.arrivedBytes += bytes.length;
    take(bytes);
  });
  from.on('end', () => lane.end());
}
