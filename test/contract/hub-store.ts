import { createInProcessHub } from '../../src/adapters/in-process/in-process-bus.ts';
import type { BusStore } from './change-bus.ts';

/** Buses of replicas that live in one process. */
export async function createHubStore(): Promise<BusStore> {
  const hub = createInProcessHub();
  return {
    open: async () => hub.connect(),
    async cut() {
      const cut = hub.cut();
      return { [Symbol.asyncDispose]: async () => cut[Symbol.dispose]() };
    },
    async [Symbol.asyncDispose]() {},
  };
}
