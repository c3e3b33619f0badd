import type { Catalog } from '../app/catalog.ts';
import { FlagError } from '../core/errors.ts';

/** Hears that this process must not serve any longer. */
export type Abandon = (error: unknown) => void;

/**
 * Starts the catalog. Rejects if `agreement` does meanwhile, or before a log that was reached is served: then keys cannot be
 * told here. Whoever starts from its disk cannot wait for that, and is told later to `abandon`.
 */
export async function startKnowingKeys(
  catalog: Pick<Catalog, 'start' | 'silenceMs'>,
  agreement: Promise<void>,
  abandon: Abandon,
): Promise<void> {
  const refusal = agreement.then(() => new Promise<never>(() => undefined));
  await Promise.race([catalog.start(), refusal]);
  if (Number.isFinite(catalog.silenceMs())) await agreement;
  else
    agreement.catch((error: unknown) => {
      if (!(error instanceof FlagError) || error.details.reason !== 'STORE_CLOSED') abandon(error);
    });
}
