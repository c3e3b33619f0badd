import { setTimeout as delay } from 'node:timers/promises';
import type { VexilService } from '../service/vexil.ts';

/** What became of everything that a service was asked to record. */
export interface Account {
  readonly accepted: number;
  readonly stored: number;
  readonly lost: number;
  readonly balanced: boolean;
}

const PATIENCE_MS = 180_000;
const LOOK_EVERY_MS = 100;

/** As its ledger says it now: batches that are on their way are not in it. */
export async function accountOf({ port, change }: VexilService): Promise<Account> {
  const response = await fetch(`http://127.0.0.1:${port}/vexil.v1.AnalyticsService/GetLedger`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${change.token}` },
    body: '{}',
  });
  const { total = {} }: { total?: Record<string, unknown> } = JSON.parse(await response.text());
  const lost = Object.values((total.lost ?? {}) as Record<string, string>);
  return {
    accepted: Number(total.accepted ?? 0),
    stored: Number(total.stored ?? 0),
    lost: lost.reduce((sum, units) => sum + Number(units), 0),
    balanced: total.balanced === true,
  };
}

/** Resolves when nothing more arrives and everything is accounted for, with the time that it took. */
export async function settled(vexil: VexilService): Promise<{ account: Account; afterMs: number }> {
  const start = performance.now();
  let since = start;
  let last = await accountOf(vexil);
  while (performance.now() - start < PATIENCE_MS) {
    await delay(LOOK_EVERY_MS);
    const account = await accountOf(vexil);
    if (account.stored !== last.stored || account.accepted !== last.accepted) since = performance.now();
    last = account;
    if (account.balanced && performance.now() - since > 2_000) return { account, afterMs: since - start };
  }
  throw new Error(`the ledger does not balance: ${JSON.stringify(last)}`);
}
