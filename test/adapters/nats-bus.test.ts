import { connect } from 'nats';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/adapters/in-process/system-clock.ts';
import { encodeNotice } from '../../src/adapters/nats/change-message.ts';
import { createNatsBus } from '../../src/adapters/nats/nats-bus.ts';
import { openNats } from '../../src/adapters/nats/open-nats.ts';
import { messageKeyOf, seal } from '../../src/adapters/nats/sealed-message.ts';
import type { ChangeNotice } from '../../src/ports/change-bus.ts';
import { natsProcess, natsProgramOrSkip } from '../support/nats-server.ts';

const program = natsProgramOrSkip() ?? '';
const KEY = messageKeyOf('the secret of the fleet');
const SHOP = 'vexil.changes.shop';
const notice = (revision: number): ChangeNotice => ({ project: 'shop', revision, hash: `hash-${revision}` });

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

/** A bus on that server, connected, and what it hears and complains about. */
async function busOn(url: string, { key = KEY, prefix = 'vexil' } = {}) {
  const reports: unknown[] = [];
  const report = (problem: string, details: object) => void reports.push({ problem, ...details });
  const link = openNats({ servers: [url], name: 'test', clock: systemClock, report });
  const bus = createNatsBus({ link, prefix, key, clock: systemClock, report });
  open.push(link, bus);
  const heard: ChangeNotice[] = [];
  bus.subscribe((received) => void heard.push(received));
  await vi.waitFor(() => expect(bus.connected()).toBe(true));
  return { bus, heard, reports };
}

/** Somebody who can reach the server and does not know the secret. */
async function stranger(url: string) {
  const connection = await connect({ servers: url });
  open.push({ [Symbol.asyncDispose]: () => connection.close() });
  const overheard = new Map<string, Uint8Array>();
  connection.subscribe('>', { callback: (_, { subject, data }) => void overheard.set(subject, data) });
  await connection.flush();
  return { connection, overheard };
}

describe.skipIf(program === '')('the NATS bus, among strangers', () => {
  it('ignores what no replica has sent, counts it, and complains once', async () => {
    const { url } = await server();
    const { bus, heard, reports } = await busOn(url);
    const { connection } = await stranger(url);
    const forged = [
      seal(messageKeyOf('a guess'), SHOP, encodeNotice(notice(1_000))),
      encodeNotice(notice(1_000)),
      seal(KEY, 'vexil.changes.other', encodeNotice(notice(1_000))),
      seal(KEY, SHOP, encodeNotice({ ...notice(1_000), project: 'other' })),
      seal(KEY, SHOP, Buffer.from('{"project":"shop"}')),
      new Uint8Array(),
      new Uint8Array(1 << 20),
      Buffer.from('garbage'),
    ];
    for (const message of forged) connection.publish(SHOP, message);
    connection.publish(SHOP, seal(KEY, SHOP, encodeNotice(notice(1))));
    await vi.waitFor(() => expect(heard).toEqual([notice(1)]));
    expect(bus.ignored()).toBe(forged.length);
    expect(reports).toEqual([{ problem: 'a message was ignored', subject: SHOP, why: 'forged', often: 1 }]);
  });

  it('takes a message for what its subject says and nothing else', async () => {
    const { url } = await server();
    const { bus, heard } = await busOn(url);
    const { connection, overheard } = await stranger(url);
    bus.publish(notice(1));
    await vi.waitFor(() => expect([...overheard.keys()]).toEqual([SHOP]));
    const message = overheard.get(SHOP);
    for (const subject of ['vexil.changes.other', 'vexil.changes', 'elsewhere.changes.shop', SHOP])
      connection.publish(subject, message);
    await vi.waitFor(() => expect(heard).toEqual([notice(1), notice(1)]));
    expect(bus.ignored()).toBe(1);
  });

  it('does not hear of another fleet on the same server, with another prefix or another secret', async () => {
    const { url } = await server();
    const one = await busOn(url);
    const others = [
      await busOn(url, { prefix: 'other' }),
      await busOn(url, { key: messageKeyOf('another secret') }),
    ];
    for (const { bus } of others) bus.publish(notice(7));
    const witness = await busOn(url);
    witness.bus.publish(notice(1));
    await vi.waitFor(() => expect(one.heard).toEqual([notice(1)]));
    for (const { heard } of others) expect(heard).toEqual([notice(7)]);
  });

  it('loses what is published while the server is away, hands on the rest, and never throws', async () => {
    const nats = await server();
    const [one, other] = [await busOn(nats.url), await busOn(nats.url)];
    one.bus.publish(notice(1));
    await vi.waitFor(() => expect(other.heard).toEqual([notice(1)]));
    await nats.kill();
    expect(() => one.bus.publish(notice(2))).not.toThrow();
    await vi.waitFor(() => expect([one.bus.connected(), other.bus.connected()]).toEqual([false, false]));
    await nats.start();
    await vi.waitFor(
      () => expect([one.bus.connected(), other.bus.connected()]).toEqual([true, true]),
      10_000,
    );
    one.bus.publish(notice(3));
    await vi.waitFor(() => expect(other.heard).toContainEqual(notice(3)));
    expect(other.heard).toEqual([notice(1), notice(3)]);
    expect(one.heard).toEqual([notice(1), notice(2), notice(3)]);
  });
});
