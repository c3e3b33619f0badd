import { FlagError } from '../../src/core/errors.ts';
import type { ExposureStore } from '../../src/ports/exposure-store.ts';
import type { Store } from './contract.ts';
import { createExposureModel } from './exposure-model.ts';

/** The model as a store with handles. */
export async function createExposureModelStore(): Promise<Store<ExposureStore>> {
  const model = createExposureModel();
  return {
    open: async () => handleOn(model),
    [Symbol.asyncDispose]: () => model[Symbol.asyncDispose](),
  };
}

function handleOn(model: ExposureStore): ExposureStore {
  let isOpen = true;
  return new Proxy(model, {
    get(target, name, receiver) {
      if (name === Symbol.asyncDispose)
        return async () => {
          isOpen = false;
        };
      const method: unknown = Reflect.get(target, name, receiver);
      if (typeof method !== 'function') return method;
      return async (...values: unknown[]) => {
        if (!isOpen) throw new FlagError('unavailable', 'the store is closed');
        return Reflect.apply(method, target, values);
      };
    },
  });
}
