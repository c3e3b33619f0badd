import { randomUUID } from 'node:crypto';
import { describe } from 'vitest';
import { systemClock } from '../../src/adapters/in-process/system-clock.ts';
import { createNatsBus } from '../../src/adapters/nats/nats-bus.ts';
import { openNats } from '../../src/adapters/nats/open-nats.ts';
import { messageKeyOf } from '../../src/adapters/nats/sealed-message.ts';
import { startFaultProxy } from '../faults/proxies/fault-proxy.ts';
import { natsServerOrSkip } from '../support/nats-server.ts';
import { type BusStore, declareChangeBusContract } from './change-bus.ts';

const url = await natsServerOrSkip();

/** A fleet of its own on a server that others use as well, which it reaches by a way that can be cut. */
async function createNatsStore(server: URL): Promise<BusStore> {
  const proxy = await startFaultProxy({
    target: () => ({ host: server.hostname, port: Number(server.port) }),
  });
  const shared = {
    prefix: `test-${randomUUID()}`,
    key: messageKeyOf('a secret of the fleet'),
    clock: systemClock,
    report: () => undefined,
  };
  return {
    async open() {
      const address = Object.assign(new URL(server), { host: `127.0.0.1:${proxy.port}` });
      const link = openNats({ ...shared, servers: [address.href], name: 'test' });
      const bus = createNatsBus({ ...shared, link });
      return {
        ...bus,
        async [Symbol.asyncDispose]() {
          await bus[Symbol.asyncDispose]();
          await link[Symbol.asyncDispose]();
        },
      };
    },
    async cut() {
      proxy.refuse(true);
      proxy.cut();
      return { [Symbol.asyncDispose]: async () => proxy.heal() };
    },
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  };
}

describe.skipIf(url === undefined)('over NATS', () => {
  declareChangeBusContract('the NATS bus', () => createNatsStore(new URL(url ?? '')));
});
