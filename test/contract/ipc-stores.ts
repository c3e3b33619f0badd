import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { systemClock } from '../../src/adapters/in-process/system-clock.ts';
import { createIpcBus } from '../../src/adapters/ipc/ipc-bus.ts';
import { createIpcHub } from '../../src/adapters/ipc/ipc-hub.ts';
import { createIpcRegistry } from '../../src/adapters/ipc/ipc-registry.ts';
import type { Line } from '../../src/adapters/ipc/line.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import type { BusStore } from './change-bus.ts';
import type { RegistryStore } from './fleet-registry.ts';

/** Buses that hang on one hub, by lines whose messages are copied as those between processes are. */
export async function createIpcBusStore(): Promise<BusStore> {
  const hub = createIpcHub(systemClock);
  const fleet = cuttable();
  return {
    open: async () => {
      const [near, far] = fleet.line();
      hub.attach(far);
      return createIpcBus(near);
    },
    async cut() {
      fleet.turn(false);
      return { [Symbol.asyncDispose]: async () => fleet.turn(true) };
    },
    async [Symbol.asyncDispose]() {
      fleet.close();
    },
  };
}

/** Registries that hang on one hub. */
export async function createIpcRegistryStore(): Promise<RegistryStore> {
  const clock = createFakeClock();
  const hub = createIpcHub(clock);
  const fleet = cuttable();
  return {
    open: async () => {
      const [near, far] = fleet.line();
      hub.attach(far);
      return createIpcRegistry(near, systemClock);
    },
    passes: async (ms) => clock.advance(ms),
    async [Symbol.asyncDispose]() {
      fleet.close();
    },
  };
}

/** Lines that can all be cut and mended. */
export function cuttable(): { line(): readonly [Line, Line]; turn(open: boolean): void; close(): void } {
  const ports: MessagePort[] = [];
  const turns = new Set<{ readonly listener: () => void }>();
  let isOpen = true;

  const end = (port: MessagePort): Line => ({
    send: (message) => {
      if (isOpen) port.postMessage(message);
    },
    listen: (listener) => {
      const hear = (message: unknown) => {
        if (isOpen) listener(message);
      };
      port.on('message', hear);
      return { [Symbol.dispose]: () => void port.off('message', hear) };
    },
    isOpen: () => isOpen,
    onTurn: (listener) => {
      const entry = { listener };
      turns.add(entry);
      return { [Symbol.dispose]: () => void turns.delete(entry) };
    },
  });

  return {
    line() {
      const { port1, port2 } = new MessageChannel();
      ports.push(port1, port2);
      return [end(port1), end(port2)];
    },
    turn(open) {
      if (open === isOpen) return;
      isOpen = open;
      for (const { listener } of [...turns]) listener();
    },
    close() {
      for (const port of ports) port.close();
    },
  };
}
