import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Connections are reset and new ones too, or they stay and nothing passes on them either way. */
export type Closure = 'cut' | 'silence';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** A way to a server over TCP that can be closed for a while. */
export interface Gate extends AsyncDisposable {
  /** Of 127.0.0.1. */
  readonly port: number;
  close(how: Closure): void;
  /** Connections that were cut stay cut; what a silence held up passes now. */
  open(): void;
}

/** Open at first. */
export async function startGate(to: Address): Promise<Gate> {
  const sockets = new Set<Socket>();
  let closure: Closure | undefined;
  const listener = createServer({ noDelay: true }, (client) => {
    if (closure === 'cut') {
      client.resetAndDestroy();
      return;
    }
    const server = connect({ ...to, noDelay: true });
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    }
    const isOpen = () => closure === undefined;
    pass(client, server, isOpen);
    pass(server, client, isOpen);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const cut = () => {
    for (const socket of sockets) reset(socket);
  };
  return {
    port: (listener.address() as AddressInfo).port,
    close(how) {
      closure = how;
      if (how === 'cut') cut();
      else for (const socket of sockets) socket.pause();
    },
    open() {
      closure = undefined;
      for (const socket of sockets) socket.resume();
    },
    async [Symbol.asyncDispose]() {
      cut();
      listener.close();
      await once(listener, 'close');
    },
  };
}

/** One that is being closed already cannot be reset. */
function reset(socket: Socket): void {
  if (socket.writableEnded || socket.destroyed) socket.destroy();
  else socket.resetAndDestroy();
}

function pass(from: Socket, to: Socket, isOpen: () => boolean): void {
  from.on('data', (bytes) => {
    if (!to.write(bytes)) from.pause();
  });
  to.on('drain', () => {
    if (isOpen()) from.resume();
  });
  from.on('end', () => to.end());
  from.on('error', () => to.destroy());
  from.on('close', () => to.destroySoon());
  if (!isOpen()) from.pause();
}
