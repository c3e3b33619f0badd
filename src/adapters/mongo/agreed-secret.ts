import { createHmac } from 'node:crypto';
import { FlagError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import { isDuplicate } from './mongo-errors.ts';
import type { Mongo } from './open-mongo.ts';

interface Agreement {
  readonly _id: string;
  readonly fingerprint: string;
}

const RETRY_MS = 2_000;

/** Of the digits of a fingerprint: enough to tell secrets apart, too few to tell one. */
const DIGITS = 12;

/** What tells a secret from others, and does not tell it. */
export function fingerprintOf(name: string, secret: string): string {
  return createHmac('sha256', secret).update(`vexil ${name}`).digest('hex').slice(0, DIGITS);
}

/**
 * Makes sure that all replicas on a database have the same secret of that name: the first one leaves a fingerprint in
 * the collection `agreements`. Rejects with `failed_precondition` for whoever has another.
 */
export async function agreeOnSecret(mongo: Mongo, name: string, secret: string): Promise<void> {
  const agreements = mongo.db.collection<Agreement>('agreements');
  const fingerprint = fingerprintOf(name, secret);
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

/** The same, for as long as MongoDB cannot be reached: tries again until it can be, or until `mongo` is disposed. */
export async function agreeOnSecretEventually(
  mongo: Mongo,
  name: string,
  secret: string,
  clock: Clock,
): Promise<void> {
  for (;;)
    try {
      await agreeOnSecret(mongo, name, secret);
      return;
    } catch (error) {
      const isAway = error instanceof FlagError && error.kind === 'unavailable';
      if (!isAway || error.details.reason === 'STORE_CLOSED') throw error;
      await new Promise<void>((resolve) => void clock.after(RETRY_MS, resolve));
    }
}
