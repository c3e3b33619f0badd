import { cp, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createFlag } from '../../src/app/manage/flags.ts';
import { createKey, type NewKey, revokeKey } from '../../src/app/manage/keys.ts';
import { setPrerequisite } from '../../src/app/manage/prerequisites.ts';
import { createProject } from '../../src/app/manage/projects.ts';
import { createRule } from '../../src/app/manage/rules.ts';
import { scheduleChange } from '../../src/app/manage/schedule.ts';
import { createSegment, updateSegment } from '../../src/app/manage/segments.ts';
import { haltFlag } from '../../src/app/manage/settings.ts';
import type { Principal } from '../../src/app/principal.ts';
import { watch } from '../../src/app/watch.ts';
import type { WatchEvent } from '../../src/app/watch-events.ts';
import type { WatchOptions, WatchRequest } from '../../src/app/watch-request.ts';
import type { Plan } from '../../src/app/writer.ts';
import type { Context } from '../../src/core/context.ts';
import { FlagError } from '../../src/core/errors.ts';
import type { Condition, Rule } from '../../src/core/model.ts';
import { tokenOf } from '../support/definitions-watcher.ts';
import { type Instance, openInstance } from '../support/instance.ts';
import { ADMIN, createServerKey, halt, onFlag, PLACE, SERVER, SERVER_KEY } from '../support/shop.ts';

const ANNA: Context = { targetingKey: 'anna', attributes: { plan: 'pro', country: 'se' } };

const open: { end(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.end();
});

async function shop(watchOptions: Partial<WatchOptions> = {}, directory?: string): Promise<Instance> {
  const instance = await openInstance({ watch: watchOptions, ...(directory !== undefined && { directory }) });
  open.push({ end: () => instance[Symbol.asyncDispose]() });
  if (instance.catalog.projects().length > 0) return instance;
  await instance.commit(
    'shop',
    createProject({ key: 'shop', name: '', description: '', environments: ['production', 'staging'] }),
  );
  await instance.commit('shop', createServerKey);
  await instance.commit('shop', createKey(WEB_KEY, ADMIN));
  for (const key of ['checkout', 'search']) await instance.commit('shop', createFlag(offFlag(key)));
  return instance;
}

const WEB_KEY: NewKey = { ...SERVER_KEY, id: 'web1', kind: 'web', allowedOrigins: ['*'] };

function offFlag(key: string, clientVisible = false) {
  return { ...onFlag(key), defaultVariation: 'off', clientVisible };
}

function rule(id: string, condition: Condition | undefined, more: Partial<Rule> = {}): Rule {
  return {
    ...{ id, name: '', priority: 1, serve: { kind: 'variation', variation: 'on' }, recordExposures: true },
    ...(condition !== undefined && { condition }),
    ...more,
  };
}

const WEB: Principal = { ...SERVER, keyId: WEB_KEY.id, kind: 'web', allowedOrigins: ['*'] };

/** A watcher that reads at its own pace. */
function follow(instance: Instance, request: Partial<WatchRequest> = {}) {
  const abort = new AbortController();
  const events = watch(
    instance.watch,
    {
      ...{ principal: SERVER, place: PLACE, view: { kind: 'definitions' }, flagKeys: undefined },
      ...{ resumeToken: '', terminate: () => abort.abort() },
      ...request,
    },
    abort.signal,
  );
  let last: Promise<unknown> | undefined;
  const next = async (): Promise<WatchEvent> => {
    const result = events.next();
    last = result.catch(() => undefined);
    return (await result).value;
  };
  open.push({
    end: async () => {
      abort.abort();
      await last;
    },
  });
  return {
    next,
    /** Reads until the watcher is up to date; returns what it then has. */
    async start() {
      const hello = await next();
      if (hello.kind !== 'hello') throw new Error(`said ${hello.kind} before hello`);
      const seen: WatchEvent[] = [hello];
      if (hello.intent === 'full')
        for (let event = await next(); seen.push(event) && event.kind !== 'end'; ) event = await next();
      if (hello.intent === 'changes') seen.push(await next());
      return seen;
    },
    /** The next delta, past any bookmarks. */
    async delta() {
      let event = await next();
      while (event.kind === 'bookmark') event = await next();
      if (event.kind !== 'delta') throw new Error(`said ${event.kind} instead of delta`);
      return event;
    },
    abort: () => abort.abort(),
  };
}

describe('a definitions watch', () => {
  it('starts with hello, all parts, and an end that counts them', async () => {
    const instance = await shop();
    const events = await follow(instance).start();
    expect(events.map(({ kind }) => kind)).toEqual(['hello', 'part', 'end']);
    expect(events[1]).toMatchObject({ content: { flags: [{ key: 'checkout' }, { key: 'search' }] } });
    expect(events[2]).toMatchObject({ revision: 5, count: 2 });
  });

  it('tells an edit as one delta from the last revision to the next', async () => {
    const instance = await shop();
    const watcher = follow(instance);
    await watcher.start();
    await instance.commit('shop', halt('checkout'));
    const delta = await watcher.delta();
    expect(delta).toMatchObject({ from: 5, to: 6, cause: 'change' });
    expect(delta.content.flags.map(({ key, settings }) => [key, settings.halt?.reason])).toEqual([
      ['checkout', 'fire'],
    ]);
  });

  it('tells several changes that passed meanwhile as one delta with the latest of each', async () => {
    const instance = await shop();
    const watcher = follow(instance);
    await watcher.start();
    for (const flag of ['checkout', 'search', 'checkout'])
      await instance.commit('shop', createRule({ ...PLACE, flag }, rule('', undefined)));
    const delta = await watcher.delta();
    expect(delta).toMatchObject({ from: 5, to: 8 });
    expect(delta.content.flags.map(({ key, settings }) => [key, settings.rules.length])).toEqual([
      ['checkout', 2],
      ['search', 1],
    ]);
  });

  it('cuts a large state into parts of a modest size, and a large change into a snapshot', async () => {
    const instance = await shop();
    const value = 'x'.repeat(60_000);
    const large = (key: string) => ({
      ...offFlag(key),
      ...{ type: 'string' as const, variations: [{ key: 'off', value }] },
    });
    for (let index = 0; index < 10; index++)
      await instance.commit('shop', createFlag(large(`large-${index}`)));
    const watcher = follow(instance);
    const parts = (await watcher.start()).filter(({ kind }) => kind === 'part');
    expect(parts.length).toBeGreaterThan(2);
    for (const part of parts) if (part.kind === 'part') expect(part.content.flags.length).toBeLessThan(7);
    const many = Array.from({ length: 20 }, (_, index) => `more-${index}`);
    await instance.commit('shop', (state, now) => ({
      operations: many.flatMap((key) => createFlag(large(key))(state, now).operations),
    }));
    const events = [await watcher.next()];
    while (events.at(-1)?.kind !== 'end') events.push(await watcher.next());
    expect(events[0]).toMatchObject({ kind: 'hello', intent: 'full', reason: 'large_change' });
    expect(events.at(-1)).toMatchObject({ kind: 'end', count: 32 });
    await instance.commit('shop', halt('search'));
    expect(await watcher.delta()).toMatchObject({ from: 16, to: 17 });
  });

  it('says nothing of another environment, and continues from the revision that the watcher knows', async () => {
    const instance = await shop();
    const watcher = follow(instance);
    await watcher.start();
    await instance.commit(
      'shop',
      haltFlag({ environment: 'staging', flag: 'search' }, { by: '', reason: '' }),
    );
    const next = watcher.delta();
    await instance.commit('shop', halt('search'));
    expect(await next).toMatchObject({ from: 5, to: 7, content: { flags: [{ key: 'search' }] } });
  });

  it('tells a step of a ramp at its moment, without a new revision', async () => {
    const instance = await shop();
    const start = new Date(instance.clock.now() + 60_000).toISOString();
    const ramp = { kind: 'steps', steps: [{ startsAt: start, weight: 50_000 }] } as const;
    await instance.commit(
      'shop',
      createRule({ ...PLACE, flag: 'search' }, rule('r', undefined, { ramp, rollout: { weight: 0 } })),
    );
    const watcher = follow(instance, {});
    await watcher.start();
    const next = watcher.delta();
    await settled();
    instance.clock.advance(59_999);
    await settled();
    instance.clock.advance(1);
    expect(await next).toMatchObject({
      from: 6,
      to: 6,
      cause: 'schedule',
      content: { flags: [{ key: 'search' }] },
    });
  });

  it('sends a bookmark with the head and an honest staleness when nothing happens', async () => {
    const instance = await shop({ heartbeatMs: 15_000 });
    const watcher = follow(instance);
    await watcher.start();
    const next = watcher.next();
    await settled();
    instance.clock.advance(15_000);
    const { hash } = instance.catalog.state('shop');
    expect(await next).toMatchObject({ kind: 'bookmark', revision: 5, headHash: hash });
  });

  it('carries what the named flags depend on, and what they come to depend on', async () => {
    const instance = await shop();
    await instance.commit('shop', createSegment(segment('beta', ['anna'])));
    const watcher = follow(instance, { flagKeys: ['checkout'] });
    const [, part] = await watcher.start();
    expect(part).toMatchObject({ content: { flags: [{ key: 'checkout' }], segments: [] } });
    await instance.commit(
      'shop',
      setPrerequisite({ ...PLACE, flag: 'checkout' }, { flag: 'search', variations: ['on'] }),
    );
    const added = await watcher.delta();
    expect(added.content.flags.map(({ key }) => key).sort()).toEqual(['checkout', 'search']);
    await instance.commit('shop', createRule({ ...PLACE, flag: 'search' }, rule('r', inSegment('beta'))));
    expect(await watcher.delta()).toMatchObject({
      content: { flags: [{ key: 'search' }], segments: [{ key: 'beta' }] },
    });
  });
});

describe('a decisions watch', () => {
  const view = { kind: 'decisions', context: ANNA } as const;

  it('sends every decision, and afterwards only those that become different', async () => {
    const instance = await shop();
    const watcher = follow(instance, { view });
    const [, part] = await watcher.start();
    expect(part).toMatchObject({
      content: { decisions: [{ flag: 'checkout', variation: 'off' }, { flag: 'search' }] },
    });
    await instance.commit('shop', createRule({ ...PLACE, flag: 'search' }, rule('r', undefined)));
    const delta = await watcher.delta();
    expect(delta.content.decisions).toMatchObject([
      { flag: 'search', variation: 'on', reason: 'TARGETING_MATCH' },
    ]);
  });

  it('tells what a segment, a prerequisite and a scheduled change bring about', async () => {
    const instance = await shop();
    await instance.commit('shop', createSegment(segment('beta', [])));
    await instance.commit('shop', createRule({ ...PLACE, flag: 'search' }, rule('r', inSegment('beta'))));
    await instance.commit('shop', createRule({ ...PLACE, flag: 'checkout' }, rule('r', undefined)));
    await instance.commit(
      'shop',
      setPrerequisite({ ...PLACE, flag: 'checkout' }, { flag: 'search', variations: ['on'] }),
    );
    const watcher = follow(instance, { view });
    await watcher.start();
    await instance.commit('shop', updateSegment('beta', { included: ['anna'] }));
    const joined = await watcher.delta();
    expect(joined.to - joined.from).toBe(1);
    expect(joined.content.decisions).toMatchObject([
      { flag: 'search', reason: 'SEGMENT_MATCH' },
      { flag: 'checkout', variation: 'on' },
    ]);
    const at = new Date(instance.clock.now() + 60_000).toISOString();
    const change = { id: 'off', at, action: { kind: 'halt', reason: 'planned' }, by: 'anna' } as const;
    const planned = await instance.commit('shop', scheduleChange({ ...PLACE, flag: 'search' }, change));
    expect((await watcher.delta()).to).toBe(planned.revision);
    const next = watcher.delta();
    await settled();
    instance.clock.advance(60_000);
    const halted = await next;
    expect(halted).toMatchObject({ from: planned.revision, to: planned.revision + 1 });
    expect(halted.content.decisions).toMatchObject([
      { flag: 'search', reason: 'HALTED', detail: 'planned' },
      { flag: 'checkout', reason: 'DEPENDENCY_UNMET', detail: 'search' },
    ]);
  });

  it('tells a web key neither which rule decided nor why a flag is halted', async () => {
    const instance = await shop();
    await instance.commit('shop', createFlag(offFlag('banner', true)));
    await instance.commit('shop', createRule({ ...PLACE, flag: 'banner' }, rule('for-investors', undefined)));
    const watcher = follow(instance, { view, principal: WEB });
    const [, part] = await watcher.start();
    expect(part).toMatchObject({ content: { decisions: [{ flag: 'banner', variation: 'on', ruleId: '' }] } });
    await instance.commit('shop', halt('banner'));
    const { content } = await watcher.delta();
    expect(content.decisions).toMatchObject([{ variation: 'off', reason: 'HALTED', detail: '' }]);
  });

  it('tells when the clock alone changes a decision', async () => {
    const instance = await shop();
    const [startsAt, endsAt] = [60_000, 160_000].map((ms) =>
      new Date(instance.clock.now() + ms).toISOString(),
    ) as [string, string];
    const ramp = { kind: 'linear', startsAt, endsAt, fromWeight: 0, toWeight: 100_000 } as const;
    await instance.commit('shop', createRule({ ...PLACE, flag: 'search' }, rule('r', undefined, { ramp })));
    const watcher = follow(instance, { view });
    await watcher.start();
    const next = watcher.delta();
    await settled();
    instance.clock.advance(160_000);
    const delta = await next;
    expect(delta).toMatchObject({ from: 6, to: 6, cause: 'schedule' });
    expect(delta.content.decisions).toMatchObject([{ flag: 'search', variation: 'on' }]);
  });

  it('shows a web key nothing but client-visible flags, as they come and go', async () => {
    const instance = await shop();
    await instance.commit('shop', createFlag(offFlag('banner', true)));
    const watcher = follow(instance, { view, principal: WEB });
    const [, part] = await watcher.start();
    expect(part).toMatchObject({ content: { decisions: [{ flag: 'banner' }] } });
    await instance.commit('shop', showing('banner', false));
    expect((await watcher.delta()).content).toMatchObject({ decisions: [], deletedFlags: ['banner'] });
  });
});

describe('a resumed watch', () => {
  it.each([{ kind: 'definitions' }, { kind: 'decisions', context: ANNA }] as const)(
    'of $kind continues in another process with what changed meanwhile, and nothing twice',
    async (view) => {
      const first = await shop();
      const token = tokenOf(await follow(first, { view }).start());
      await first.commit('shop', halt('search'));
      const second = await shop({}, first.directory);
      const [hello, delta] = await follow(second, { view, resumeToken: token }).start();
      expect(hello).toMatchObject({ intent: 'changes', reason: 'resumed' });
      expect(delta).toMatchObject({ kind: 'delta', from: 5, to: 6 });
      const again = await follow(second, { view, resumeToken: tokenOf([delta as WatchEvent]) }).start();
      expect(again).toMatchObject([{ intent: 'nothing', targetRevision: 6 }]);
    },
  );

  it('tells which flags are gone', async () => {
    const instance = await shop();
    const token = tokenOf(await follow(instance).start());
    await instance.commit('shop', () => ({
      operations: [
        { op: 'delete', id: { kind: 'flag', environment: '', key: 'search' } },
        { op: 'delete', id: { kind: 'settings', environment: 'production', key: 'search' } },
      ],
    }));
    const [, delta] = await follow(instance, { resumeToken: token }).start();
    expect(delta).toMatchObject({ content: { flags: [], deletedFlags: ['search'] } });
  });

  it('never tells a web key about a flag that it could not see', async () => {
    const instance = await shop();
    await instance.commit('shop', createFlag(offFlag('banner', true)));
    const view = { kind: 'decisions', context: ANNA } as const;
    const web = { view, principal: WEB };
    const token = tokenOf(await follow(instance, web).start());
    await instance.commit('shop', createFlag(offFlag('secret-plan')));
    await instance.commit('shop', halt('search'));
    const hidden = await follow(instance, { ...web, resumeToken: token }).start();
    expect(hidden).toMatchObject([
      { intent: 'changes' },
      { from: 6, to: 8, content: { decisions: [], deletedFlags: [] } },
    ]);
    await instance.commit('shop', showing('banner', false));
    const gone = await follow(instance, { ...web, resumeToken: token }).start();
    expect(gone[1]).toMatchObject({ content: { decisions: [], deletedFlags: ['banner'] } });
  });

  it('starts a web key in full when nobody knows any more what it could see', async () => {
    const first = await shop();
    const web = { view: { kind: 'decisions', context: ANNA }, principal: WEB } as const;
    const token = tokenOf(await follow(first, web).start());
    await first.commit('shop', halt('search'));
    const second = await shop({}, first.directory);
    // Restored from the projection, so that the change itself is not among those that this process saw.
    await first.projector.flush();
    const third = await shop({}, first.directory);
    expect((await follow(third, { ...web, resumeToken: token }).start())[0]).toMatchObject({
      ...{ intent: 'full', reason: 'unknown_past' },
    });
    expect((await follow(second, { ...web, resumeToken: token }).start())[0]).toMatchObject({
      intent: 'changes',
    });
  });

  it('of some definitions starts in full, and says why, when what they depend on was touched', async () => {
    const instance = await shop();
    const request = { flagKeys: ['checkout'] };
    const token = tokenOf(await follow(instance, request).start());
    await instance.commit('shop', halt('search'));
    expect(await follow(instance, { ...request, resumeToken: token }).start()).toMatchObject([
      { intent: 'changes' },
      { kind: 'delta', content: { flags: [], deletedFlags: [] } },
    ]);
    await instance.commit('shop', halt('checkout'));
    const [hello] = await follow(instance, { ...request, resumeToken: token }).start();
    expect(hello).toMatchObject({ intent: 'full', reason: 'unknown_past' });
  });

  it('refuses a token of another view, filter, context or project, and a damaged one', async () => {
    const instance = await shop();
    const token = tokenOf(await follow(instance).start());
    const damaged = `${token.slice(0, 20)}${token[20] === 'A' ? 'B' : 'A'}${token.slice(21)}`;
    const others: Partial<WatchRequest>[] = [
      { resumeToken: token, view: { kind: 'decisions', context: ANNA } },
      { resumeToken: token, flagKeys: ['search'] },
      { resumeToken: damaged },
      { resumeToken: 'x' },
    ];
    for (const other of others)
      await expect(follow(instance, other).next()).rejects.toMatchObject({ kind: 'invalid' });
  });

  it('gets a snapshot, and the reason, when the token is too far back', async () => {
    const instance = await shop({ maxResumeGap: 1 });
    const token = tokenOf(await follow(instance).start());
    for (const flag of ['search', 'checkout']) await instance.commit('shop', halt(flag));
    const [hello] = await follow(instance, { resumeToken: token }).start();
    expect(hello).toMatchObject({ intent: 'full', reason: 'compacted' });
  });

  it('is never sent back when it is ahead of this replica', async () => {
    const ahead = await shop();
    const copy = await mkdtemp(join(tmpdir(), 'vexil-'));
    await cp(ahead.directory, copy, { recursive: true });
    const behind = await shop({}, copy);
    await ahead.commit('shop', halt('search'));
    const token = tokenOf(await follow(ahead).start());
    const watcher = follow(behind, { resumeToken: token });
    const next = watcher.next();
    for (let second = 0; second < 12; second++) {
      await settled();
      behind.clock.advance(1_000);
    }
    expect(await next).toMatchObject({ kind: 'goodbye', reason: 'behind' });
    await expect(watcher.next()).rejects.toMatchObject({ kind: 'unavailable' });
  });
});

describe('the end of a watch', () => {
  it('is a goodbye and UNAVAILABLE when the service ends', async () => {
    const instance = await shop();
    const watcher = follow(instance);
    await watcher.start();
    const next = watcher.next();
    await settled();
    instance.ending.abort();
    instance.hub.wakeAll();
    expect(await next).toMatchObject({ kind: 'goodbye', reason: 'shutdown' });
    const end = await watcher.next().catch((error: unknown) => error);
    expect(end).toBeInstanceOf(FlagError);
    expect(end).toMatchObject({ kind: 'unavailable' });
  });

  it('gives a token of where the watcher is, whatever it was not told', async () => {
    const instance = await shop();
    const watcher = follow(instance);
    await watcher.start();
    const next = watcher.next();
    const elsewhere = { environment: 'staging', flag: 'checkout' };
    await instance.commit('shop', haltFlag(elsewhere, { by: '', reason: 'does not concern production' }));
    await settled();
    instance.ending.abort();
    instance.hub.wakeAll();
    const goodbye = await next;
    expect(goodbye).toMatchObject({ kind: 'goodbye', reason: 'shutdown' });
    const resumed = await follow(instance, { resumeToken: tokenOf([goodbye]) }).start();
    expect(resumed[1]).toMatchObject({ kind: 'delta', from: 5, to: 6 });
  });

  it('gives the token from before a snapshot that was not sent in full', async () => {
    const instance = await shop();
    const watcher = follow(instance);
    const [, , end] = await watcher.start();
    const value = 'x'.repeat(60_000);
    const large = Array.from({ length: 20 }, (_, index) => ({
      ...offFlag(`large-${index}`),
      ...{ type: 'string' as const, variations: [{ key: 'off', value }] },
    }));
    await instance.commit('shop', (state, now) => ({
      operations: large.flatMap((flag) => createFlag(flag)(state, now).operations),
    }));
    expect(await watcher.next()).toMatchObject({ kind: 'hello', reason: 'large_change' });
    expect(await watcher.next()).toMatchObject({ kind: 'part' });
    instance.ending.abort();
    const goodbye = await watcher.next();
    expect(goodbye).toMatchObject({ kind: 'goodbye', reason: 'shutdown' });
    expect(tokenOf([goodbye])).toBe(end !== undefined ? tokenOf([end]) : '');
  });

  it('comes at once when the key is revoked', async () => {
    const instance = await shop();
    const watcher = follow(instance);
    await watcher.start();
    const next = watcher.next();
    await instance.commit('shop', revokeKey('server1', ADMIN));
    expect(await next).toMatchObject({ kind: 'goodbye', reason: 'key_revoked' });
    await expect(watcher.next()).rejects.toMatchObject({ kind: 'unauthenticated' });
  });

  it('comes for a watcher that leaves a message lying, and costs the hub its seat', async () => {
    const instance = await shop();
    const watcher = follow(instance);
    await watcher.next();
    expect(instance.hub.size).toBe(1);
    instance.clock.advance(80_000);
    expect(instance.hub.size).toBe(0);
  });

  it('frees the seat when the watcher leaves while it waits', async () => {
    const instance = await shop();
    const watcher = follow(instance);
    await watcher.start();
    const next = watcher.next();
    await settled();
    watcher.abort();
    await expect(next).rejects.toMatchObject({ kind: 'cancelled' });
    expect(instance.hub.size).toBe(0);
  });
});

/** Makes a flag visible to web keys, or not. */
function showing(key: string, clientVisible: boolean): Plan {
  return (state, now) => {
    const flag = state.flags.get(key)?.state;
    if (flag === undefined) throw new Error('no flag');
    return {
      operations: [
        { op: 'put', object: { kind: 'flag', state: { ...flag, clientVisible, updatedAt: now } } },
      ],
    };
  };
}

function segment(key: string, included: readonly string[]) {
  return { key, name: '', description: '', included, excluded: [] };
}

function inSegment(key: string): Condition {
  return { kind: 'segment', segments: [key], negate: false };
}

/** Lets everything run that waits for nothing but its turn. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
