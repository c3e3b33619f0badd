import { createExposureModelStore } from './exposure-model-stores.ts';
import { declareExposureStoreContract } from './exposure-store.ts';

declareExposureStoreContract('the model of the exposure store', createExposureModelStore);
