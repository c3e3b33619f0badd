import { createInProcessHub } from '../../src/adapters/in-process/in-process-bus.ts';
import { declareChangeBusContract } from './change-bus.ts';

declareChangeBusContract('the in-process bus', async () => {
  const hub = createInProcessHub();
  return { open: async () => hub.connect(), async [Symbol.asyncDispose]() {} };
});
