import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import * as wire from '../../../gen/vexil/v1/analytics_service_pb.ts';
import type { Account } from '../../app/analytics/ledger-account.ts';
import type { DeadLetter, LedgerEntry, LetterLabel } from '../../ports/exposure-store.ts';

export function accountMessage(account: Account): wire.LedgerAccount {
  const { accepted, stored, deadLettered, lost, pending, balanced } = account;
  return create(wire.LedgerAccountSchema, {
    ...{ accepted: BigInt(accepted), stored: BigInt(stored), deadLettered: BigInt(deadLettered) },
    lost: Object.fromEntries([...lost].map(([reason, units]) => [reason, BigInt(units)])),
    ...{ pending: BigInt(pending), balanced },
  });
}

export function ledgerEntryMessage(entry: LedgerEntry, account: Account): wire.LedgerEntry {
  return create(wire.LedgerEntrySchema, {
    process: entry.process,
    account: accountMessage(account),
    highestSequence: BigInt(entry.highestSequence),
    missing: entry.missing.map(({ from, to }) => ({
      firstSequence: BigInt(from),
      lastSequence: BigInt(to),
    })),
    firstTime: timestampFromMs(entry.firstAt),
    lastTime: timestampFromMs(entry.lastAt),
  });
}

export function deadLetterMessage(letter: DeadLetter): wire.DeadLetter {
  const { bytes, ...label } = letter;
  return create(wire.DeadLetterSchema, { ...letterLabel({ ...label, size: bytes.length }), content: bytes });
}

/** Without what is in it. */
export function letterLabel({ id, error, at, attempts, size, units }: LetterLabel): wire.DeadLetter {
  return create(wire.DeadLetterSchema, {
    ...{ id, error, attempts, time: timestampFromMs(at), size: BigInt(size) },
    ...(units !== undefined && { units: BigInt(units) }),
  });
}
