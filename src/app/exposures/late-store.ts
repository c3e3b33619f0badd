import { FlagError } from '../../core/errors.ts';
import type { ExposureStore } from '../../ports/exposure-store.ts';
import { storeParcel } from './store-parcel.ts';

type Method = Exclude<keyof ExposureStore, symbol | 'storeBytes'>;

/**
 * A store that is opened when it is asked for something first, and opened again the next time if it could not be. When
 * disposed, closes what was opened.
 */
export function openLate(open: () => Promise<ExposureStore>): ExposureStore {
  let opening: Promise<ExposureStore> | undefined;
  let isOver = false;

  function opened(): Promise<ExposureStore> {
    if (isOver)
      return Promise.reject(new FlagError('unavailable', 'the store is closed', { reason: 'STORE_CLOSED' }));
    opening ??= open().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  }

  function late<M extends Method>(method: M): ExposureStore[M] {
    const ask = async (...values: readonly unknown[]) => {
      const store = await opened();
      return await Reflect.apply(store[method], store, values);
    };
    return ask as ExposureStore[M];
  }

  return {
    store: late('store'),
    storeBytes: async (id, bytes) => await storeParcel(await opened(), { id, bytes }),
    bury: late('bury'),
    deadLetters: late('deadLetters'),
    letterLabels: late('letterLabels'),
    exhume: late('exhume'),
    close: late('close'),
    ledger: late('ledger'),
    series: late('series'),
    activity: late('activity'),
    outcomes: late('outcomes'),
    contexts: late('contexts'),
    lastVariations: late('lastVariations'),
    rows: late('rows'),
    erase: late('erase'),
    expire: late('expire'),
    async [Symbol.asyncDispose]() {
      isOver = true;
      const store = await opening?.catch(() => undefined);
      await store?.[Symbol.asyncDispose]();
    },
  };
}
