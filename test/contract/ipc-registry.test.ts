import { declareFleetRegistryContract } from './fleet-registry.ts';
import { createIpcRegistryStore } from './ipc-stores.ts';

declareFleetRegistryContract('the registry of processes of one machine', createIpcRegistryStore);
