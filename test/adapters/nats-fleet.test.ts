import { connect } from 'nats';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/adapters/in-process/system-clock.ts';
import { createNatsRegistry } from '../../src/adapters/nats/nats-fleet.ts';
import { openNats } from '../../src/adapters/nats/open-nats.ts';
import { messageKeyOf, seal } from '../../src/adapters/nats/sealed-message.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { reportText } from '../../src/ports/fleet-report-text.ts';
import { replicaReport } from '../contract/fleet-registry.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { natsProcess, natsProgramOrSkip } from '../support/nats-server.ts';

const program = natsProgramOrSkip() ?? '';
const KEY = messageKeyOf('the secret of the fleet');
const SUBJECT = 'vexil.fleet';

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

async function server() {
  const nats = await natsProcess(program);
  open.push(nats);
  await nats.start();
  return nats;
}

async function registryOn(url: string, clock: Clock = systemClock) {
  const problems: string[] = [];
  const report = (problem: string) => void problems.push(problem);
  const link = openNats({ servers: [url], name: 'test', clock: systemClock, report });
  const registry = createNatsRegistry({ link, prefix: 'vexil', key: KEY, clock, report });
  open.push(link, registry);
  await vi.waitFor(() => expect(link.connected()).toBe(true));
  const ids = async () => (await registry.members()).map((member) => member.report.id).sort();
  return { ...registry, link, ids, problems };
}

describe.skipIf(program === '')('the NATS registry', () => {
  it('ignores what no replica has said', async () => {
    const { url } = await server();
    const { ids, problems, ignored } = await registryOn(url);
    const stranger = await connect({ servers: url });
    open.push({ [Symbol.asyncDispose]: () => stranger.close() });
    const text = `r${reportText(replicaReport('forged'))}`;
    for (const message of [
      seal(messageKeyOf('a guess'), SUBJECT, Buffer.from(text)),
      seal(KEY, 'vexil.changes.shop', Buffer.from(text)),
      seal(KEY, SUBJECT, Buffer.from('r{"format":1,"id":"forged"}')),
      seal(KEY, SUBJECT, Buffer.from(text.replace('"format":1', '"format":2'))),
      seal(KEY, SUBJECT, Buffer.from(`x${text}`)),
      seal(KEY, SUBJECT, new Uint8Array()),
      Buffer.from(text),
    ])
      stranger.publish(SUBJECT, message);
    stranger.publish(SUBJECT, seal(KEY, SUBJECT, Buffer.from(`r${reportText(replicaReport('real'))}`)));
    await vi.waitFor(async () => expect(await ids()).toEqual(['real']));
    expect([problems, ignored()]).toEqual([['a message was ignored'], 7]);
  });

  it('knows nobody while it is not connected, and asks everybody when it is again', async () => {
    const nats = await server();
    const [one, other] = [await registryOn(nats.url), await registryOn(nats.url)];
    await one.report(replicaReport('a'));
    await vi.waitFor(async () => expect(await other.ids()).toEqual(['a']));
    await nats.kill();
    await vi.waitFor(() => expect([one.link.connected(), other.link.connected()]).toEqual([false, false]));
    for (const work of [() => one.members(), () => one.report(replicaReport('a')), () => one.leave('x')])
      await expect(work()).rejects.toMatchObject({ kind: 'unavailable' });
    await other.report(replicaReport('b')).catch(() => undefined);
    await one.report(replicaReport('a', { sequence: 2 })).catch(() => undefined);
    await nats.start();
    await vi.waitFor(async () => expect(await one.ids()).toEqual(['a', 'b']), 10_000);
    await vi.waitFor(async () => expect(await other.ids()).toEqual(['a', 'b']));
    const third = await registryOn(nats.url);
    await vi.waitFor(async () => expect(await third.ids()).toEqual(['a', 'b']));
  });

  it('does not take for news what was said before', async () => {
    const { url } = await server();
    const clock = createFakeClock();
    const { ids, members } = await registryOn(url, clock);
    const stranger = await connect({ servers: url });
    open.push({ [Symbol.asyncDispose]: () => stranger.close() });
    const say = (id: string, sequence: number) =>
      stranger.publish(
        SUBJECT,
        seal(KEY, SUBJECT, Buffer.from(`r${reportText(replicaReport(id, { sequence }))}`)),
      );
    say('a', 7);
    await vi.waitFor(async () => expect(await ids()).toEqual(['a']));
    clock.advance(5_000);
    for (const sequence of [7, 6]) say('a', sequence);
    say('b', 1);
    await vi.waitFor(async () => expect(await ids()).toEqual(['a', 'b']));
    expect((await members()).map(({ report, ageMs }) => [report.id, report.sequence, ageMs])).toEqual([
      ['a', 7, 5_000],
      ['b', 1, 0],
    ]);
  });

  it('calls listeners when others report or leave', async () => {
    const { url } = await server();
    const [one, other] = [await registryOn(url), await registryOn(url)];
    const listener = vi.fn();
    other.subscribe(listener);
    await one.report(replicaReport('a'));
    await vi.waitFor(() => expect(listener).toHaveBeenCalled());
    listener.mockClear();
    await one.leave('a');
    await vi.waitFor(() => expect(listener).toHaveBeenCalled());
  });
});
