import { declareChangeBusContract } from './change-bus.ts';
import { createHubStore } from './hub-store.ts';

declareChangeBusContract('the in-process bus', createHubStore);
