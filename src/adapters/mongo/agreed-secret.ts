import { createHmac } from 'node:crypto';
import { FlagError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import { isDuplicate } from './mongo-errors.ts';
import type { Mongo } from './open-mongo.ts';

type Report = (problem: string, details: Readonly<Record<string, unknown>>) => void;

interface Agreement {
  readonly _id: string;
  readonly fingerprint: string;
}

const RETRY_MS = 2_000;

/** Of the digits of a fingerprint: enough to tell secrets apart, too few to tell one. */
const DIGITS = 12;

/**
 * Makes sure that all replicas on a database have the same secret of that name: the first one leaves a fingerprint in
 * the collection `agreements`. Rejects with `failed_precondition` for whoever has another.
 */
export async function agreeOnSecret(mongo: Mongo, name: string, secret: string): Promise<void> {
  const agreements = mongo.db.collection<Agreement>('agreements');
  const fingerprint = createHmac('sha256', secret).update(`vexil ${name}`).digest('hex').slice(0, DIGITS);
  try {
    await mongo.run(() => agreements.insertOne({ _id: name, fingerprint }));
  } catch (error) {
    if (!isDuplicate(error)) throw error;
    const agreed = await mongo.run((reading) => agreements.findOne({ _id: name }, reading));
    if (agreed === null || agreed.fingerprint === fingerprint) return;
    throw new FlagError('failed_precondition', `the ${name} is not the one of the other replicas`, {
      reason: 'SECRET_DIFFERS',
    });
  }
}

/**
 * The same for whoever can start without MongoDB: where that cannot be reached, resolves all the same, tries again until
 * it can be, and reports it if the secret turns out to be another one.
 */
export async function agreeOnSecretEventually(
  mongo: Mongo,
  name: string,
  secret: string,
  { clock, report }: { readonly clock: Clock; readonly report: Report },
): Promise<void> {
  const tryAgain = () =>
    void agreeOnSecretEventually(mongo, name, secret, { clock, report }).catch((error: unknown) =>
      report('a secret is not the one of the other replicas', { name, error }),
    );
  try {
    await agreeOnSecret(mongo, name, secret);
  } catch (error) {
    if (!(error instanceof FlagError) || error.kind !== 'unavailable') throw error;
    if (error.details.reason !== 'STORE_CLOSED') clock.after(RETRY_MS, tryAgain);
  }
}
