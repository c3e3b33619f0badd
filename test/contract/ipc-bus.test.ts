import { declareChangeBusContract } from './change-bus.ts';
import { createIpcBusStore } from './ipc-stores.ts';

declareChangeBusContract('the bus between processes of one machine', createIpcBusStore);
