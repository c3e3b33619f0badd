import { connect, nanos, RetentionPolicy } from 'nats';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/adapters/in-process/system-clock.ts';
import { createNatsExposureQueue } from '../../src/adapters/nats/exposure-queue.ts';
import { standStream } from '../../src/adapters/nats/exposure-stream.ts';
import { StreamTidying } from '../../src/adapters/nats/exposure-tidying.ts';
import { openNats } from '../../src/adapters/nats/open-nats.ts';
import { messageKeyOf } from '../../src/adapters/nats/sealed-message.ts';
import { parcel, refusal, takeOne } from '../contract/exposure-queue-asking.ts';
import { startJetStream } from '../contract/exposure-queue-stores.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { natsProcess, natsProgramOrSkip } from '../support/nats-server.ts';

const program = natsProgramOrSkip() ?? '';
const STREAM = 'vexil=exposures';
const SUBJECT = 'vexil.exposures';
const GONE = 'the stream or consumer of exposures is gone';

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

async function jetStream() {
  const nats = await startJetStream(program);
  open.push(nats);
  return nats;
}

/** Connected to the server, unless it cannot be. `problems` is what it complains about. */
async function queueOn(url: string, isConnected = true) {
  const problems: string[] = [];
  const shared = { clock: systemClock, report: (problem: string) => void problems.push(problem) };
  const link = openNats({ ...shared, servers: [url], name: 'test' });
  const key = messageKeyOf('the secret of the fleet');
  const queue = createNatsExposureQueue({
    ...shared,
    link,
    prefix: 'vexil',
    key,
    maxBytes: 4 << 20,
    leaseMs: 500,
  });
  open.push(link, queue);
  await vi.waitFor(() => expect([link.connected(), queue.connected()]).toEqual([true, isConnected]), 10_000);
  return { queue, problems };
}

/** Somebody who can reach the server as well. */
async function operator(url: string) {
  const connection = await connect({ servers: url });
  open.push({ [Symbol.asyncDispose]: () => connection.close() });
  return { connection, manager: await connection.jetstreamManager() };
}

describe.skipIf(program === '')('the NATS exposure queue', () => {
  it('makes the stream as it has to be, and corrects one that is not', async () => {
    const { url } = await jetStream();
    await queueOn(url);
    const { manager } = await operator(url);
    const { config } = await manager.streams.info(STREAM);
    const wanted = {
      ...{ retention: 'limits', storage: 'file', discard: 'new', max_bytes: 4 << 20, deny_purge: true },
      ...{ duplicate_window: nanos(600_000), max_age: nanos(72 * 3_600_000) },
    };
    expect(config).toMatchObject(wanted);
    await expect(manager.streams.purge(STREAM)).rejects.toThrow();
    await manager.streams.update(STREAM, { ...config, duplicate_window: nanos(1_000), max_bytes: 1 << 20 });
    const { problems } = await queueOn(url);
    expect(problems).toEqual(['the stream of exposures was corrected']);
    expect((await manager.streams.info(STREAM)).config).toMatchObject(wanted);
  });

  it('makes stream and consumer anew when somebody deletes them while it runs, and says so', async () => {
    const { url } = await jetStream();
    const { queue, problems } = await queueOn(url);
    const { manager } = await operator(url);
    await queue.publish(parcel('a'));
    const held = await takeOne(queue);
    const [consumer] = await manager.consumers.list(STREAM).next();
    await manager.consumers.delete(STREAM, consumer?.name ?? '');
    expect((await takeOne(queue)).id).toBe('a');
    expect(problems.filter((problem) => problem === GONE)).toHaveLength(1);
    await manager.streams.delete(STREAM);
    await queue.publish(parcel('b'));
    const next = await takeOne(queue);
    expect([next.id, await queue.state()]).toMatchObject(['b', { waiting: 1 }]);
    // What is said of a parcel of the old stream is not taken for one of the new stream, which has its number.
    expect(await refusal(held.done())).toBe('unavailable');
    expect(await queue.state()).toMatchObject({ waiting: 1 });
  });

  it('leaves a stream that is full as it is', async () => {
    const { url } = await jetStream();
    const { queue, problems } = await queueOn(url);
    const { manager } = await operator(url);
    await queue.publish(parcel('a'));
    const { config, state } = await manager.streams.info(STREAM);
    await manager.streams.update(STREAM, { ...config, max_bytes: state.bytes + 1 });
    expect(await refusal(queue.publish(parcel('b')))).toBe('exhausted');
    expect((await manager.streams.info(STREAM)).config.max_bytes).toBe(state.bytes + 1);
    expect(problems).not.toContain(GONE);
  });

  it('is woken out of waiting when somebody deletes the stream', async () => {
    const { url } = await jetStream();
    const { queue } = await queueOn(url);
    const { manager } = await operator(url);
    const waiting = queue.take(1, 20_000);
    await vi.waitFor(async () =>
      expect((await manager.consumers.list(STREAM).next())[0]?.num_waiting).toBe(1),
    );
    await manager.streams.delete(STREAM);
    await queue.publish(parcel('a'));
    expect((await waiting).map(({ id }) => id)).toEqual(['a']);
  });

  it('is unavailable without JetStream, says why, and begins by itself when it is there', async () => {
    const nats = await natsProcess(program);
    open.push(nats);
    await nats.start();
    const { queue, problems } = await queueOn(nats.url, false);
    expect(await refusal(queue.publish(parcel('a')))).toBe('unavailable');
    expect(await refusal(queue.take(1, 0))).toBe('unavailable');
    expect(problems).toEqual(['NATS does not keep exposures']);
    await nats.kill();
    await nats.start('-js', '-sd', `/tmp/vexil-test-${nats.port}`);
    await vi.waitFor(() => expect(queue.connected()).toBe(true), 10_000);
    await queue.publish(parcel('a'));
    expect((await takeOne(queue)).id).toBe('a');
  });

  it('does not use a stream that would forget ids', async () => {
    const { url } = await jetStream();
    const { manager } = await operator(url);
    await manager.streams.add({ name: STREAM, subjects: [SUBJECT], retention: RetentionPolicy.Workqueue });
    const { queue, problems } = await queueOn(url, false);
    expect(await refusal(queue.publish(parcel('a')))).toBe('unavailable');
    expect(problems).toContain('NATS does not keep exposures');
    await manager.streams.delete(STREAM);
    await vi.waitFor(() => expect(queue.connected()).toBe(true), 10_000);
    await queue.publish(parcel('a'));
  });

  it('is unavailable while the server is away or stands still, tells when it is back, and has lost nothing', async () => {
    const nats = await jetStream();
    const { queue } = await queueOn(nats.url);
    await queue.publish(parcel('a'));
    let told = 0;
    queue.onConnected(() => void told++);
    await nats.kill();
    await vi.waitFor(() => expect(queue.connected()).toBe(false));
    for (const asked of [queue.publish(parcel('b')), queue.take(1, 0), queue.state()])
      expect(await refusal(asked)).toBe('unavailable');
    expect(told).toBe(0);
    await nats.start();
    await vi.waitFor(() => expect([told, queue.connected()]).toEqual([1, true]), 10_000);
    expect((await takeOne(queue)).id).toBe('a');
    nats.signal('SIGSTOP');
    const refused = async (kind?: string) => expect(await refusal(queue.publish(parcel('c')))).toBe(kind);
    await vi.waitFor(() => refused('unavailable'), 10_000);
    nats.signal('SIGCONT');
    await vi.waitFor(() => refused(), 10_000);
    expect((await queue.state()).waiting).toBe(2);
  }, 30_000);

  it('hands out what strangers sent as something that nobody can read', async () => {
    const { url } = await jetStream();
    const { queue } = await queueOn(url);
    const { connection } = await operator(url);
    await connection.jetstream().publish(SUBJECT, Buffer.from('{"format":1}'));
    const forged = await takeOne(queue);
    expect([forged.id, String(forged.bytes)]).toEqual(['stream-1', '\0{"format":1}']);
    await connection.jetstream().publish(SUBJECT, new Uint8Array(), { msgID: 'process:1' });
    const empty = await takeOne(queue);
    expect([empty.id, empty.bytes.length]).toEqual(['process:1', 1]);
  });

  it('removes what was dealt with once nobody would publish it again, and nothing else', async () => {
    const { url } = await jetStream();
    const { queue } = await queueOn(url);
    const { connection } = await operator(url);
    const clock = createFakeClock();
    const wish = { stream: STREAM, subject: SUBJECT, maxBytes: 4 << 20, leaseMs: 500 };
    const standing = await standStream(connection, wish, () => undefined);
    const tidying = new StreamTidying(clock, (error) => expect.unreachable(String(error)));
    const kept = async () => (await standing.manager.streams.info(STREAM)).state.messages;
    const looked = () => vi.waitFor(() => expect(looks).toHaveBeenCalled());
    const looks = vi.spyOn(standing.manager.consumers, 'info');
    for (const id of ['a', 'b', 'c']) await queue.publish(parcel(id));
    for (const each of (await queue.take(10, 1_000)).slice(0, 2)) await each.done();
    tidying.look(standing);
    await looked();
    clock.advance(10 * 60_000);
    tidying.look(standing);
    await looked();
    expect(await kept()).toBe(3);
    clock.advance(60_000);
    tidying.look(standing);
    await vi.waitFor(async () => expect(await kept()).toBe(1));
    expect((await takeOne(queue, 5_000)).id).toBe('c');
  });
});
