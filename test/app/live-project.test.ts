import { afterEach, describe, expect, it } from 'vitest';
import { LiveProject } from '../../src/app/live-project.ts';
import type { Change } from '../../src/core/change.ts';
import type { ChangeLog } from '../../src/ports/change-log.ts';
import { changeAfter } from '../contract/samples.ts';
import { type Instance, openInstance } from '../support/instance.ts';

const open: Instance[] = [];
afterEach(async () => {
  for (const instance of open.splice(0)) await instance[Symbol.asyncDispose]();
});

describe('a live project', () => {
  it('is not taken for up to date by a run that had read the log before the comparison began', async () => {
    const { log, projection, clock, head, gate } = await gated();
    const live = new LiveProject('shop', {
      ...{ log, projection, clock },
      report: () => undefined,
      applied: () => undefined,
    });
    const first = await appended(log, undefined);
    const running = live.fetch();
    // It has read everything and waits for the head: what is appended now, it does not see any more.
    await gate.reached;
    const second = await appended(log, first);
    const comparing = live.compare(second, clock.monotonic());
    gate.open();
    await Promise.all([running, comparing]);
    expect([live.state.revision, live.stalenessMs()]).toEqual([second.revision, 0]);
    expect(head()).toBe(2);
  });
});

/** A log whose first answer about a head is held back, and how often it was asked for one. */
async function gated() {
  const instance = await openInstance();
  open.push(instance);
  const [reached, opened] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let asked = 0;
  const log: ChangeLog = new Proxy(instance.log, {
    get(target, name) {
      if (name !== 'head') return Reflect.get(target, name);
      return async (project: string) => {
        asked++;
        const head = await target.head(project);
        reached.resolve();
        await opened.promise;
        return head;
      };
    },
  });
  const gate = { reached: reached.promise, open: opened.resolve };
  return { log, projection: instance.projection, clock: instance.clock, head: () => asked, gate };
}

async function appended(log: ChangeLog, after: Change | undefined): Promise<Change> {
  const change = changeAfter('shop', after, { idempotencyKey: `after-${after?.revision ?? 0}` });
  expect(await log.append(change)).toEqual({ kind: 'appended' });
  return change;
}
