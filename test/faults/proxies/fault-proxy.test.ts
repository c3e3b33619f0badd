import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';
import { type FaultProxy, type FaultProxyOptions, startFaultProxy } from './fault-proxy.ts';
import { LANE_BYTES } from './lane.ts';

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

/** One end of a connection, and what has arrived there. */
interface End {
  readonly socket: Socket;
  readonly text: () => string;
  readonly how: () => 'open' | 'finished' | 'reset';
}

function watchEnd(socket: Socket): End {
  let text = '';
  let how: ReturnType<End['how']> = 'open';
  socket.on('data', (bytes) => {
    text += String(bytes);
  });
  socket.on('end', () => {
    how = 'finished';
  });
  socket.on('error', () => {
    how = 'reset';
  });
  return { socket, text: () => text, how: () => how };
}

/** A client whose connection goes through a proxy, and the server's end of it. */
async function throughProxy(options: Partial<FaultProxyOptions> = {}) {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const proxy = await startFaultProxy({ target: () => ({ host: '127.0.0.1', port }), ...options });
  const sockets: Socket[] = [];
  const dial = async () => {
    const accepted = once(server, 'connection');
    const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
    const [theirs]: Socket[] = await accepted;
    if (theirs === undefined) throw new Error('no connection');
    sockets.push(socket, theirs);
    return { client: watchEnd(socket), server: watchEnd(theirs) };
  };
  open.push({
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await proxy[Symbol.asyncDispose]();
      server.close();
    },
  });
  return { proxy, dial, ...(await dial()) };
}

function arrived(proxy: FaultProxy, bytes: number) {
  return expect.poll(() => proxy.toServer.arrivedBytes).toBe(bytes);
}

describe('a fault proxy', () => {
  it('passes bytes both ways, and the end of either', async () => {
    const { client, server } = await throughProxy();
    client.socket.write('hello');
    server.socket.write('welcome');
    await expect.poll(() => [server.text(), client.text()]).toEqual(['hello', 'welcome']);
    client.socket.end();
    await expect.poll(() => [server.how(), client.how()]).toEqual(['finished', 'open']);
    server.socket.end(' and goodbye');
    await expect.poll(() => [client.text(), client.how()]).toEqual(['welcome and goodbye', 'finished']);
  });

  it('forgets a connection that both ends have ended', async () => {
    const { proxy, client, server } = await throughProxy();
    server.socket.end('goodbye');
    client.socket.end();
    await expect.poll(() => proxy.connections).toBe(0);
    expect(client.text()).toBe('goodbye');
  });

  it.each([
    ['reset', 'reset'],
    ['finish', 'finished'],
  ] as const)('cuts connections by %s, and lets new ones through', async (how, seen) => {
    const { proxy, client, server, dial } = await throughProxy();
    proxy.cut(how);
    await expect.poll(() => [client.how(), server.how()]).toEqual([seen, seen]);
    const next = await dial();
    next.client.socket.write('again');
    await expect.poll(() => next.server.text()).toBe('again');
    expect(proxy.connections).toBe(1);
  });

  it('refuses new connections while it is told to', async () => {
    const { proxy, client, server, dial } = await throughProxy();
    proxy.refuse(true);
    const refused = watchEnd(connect({ port: proxy.port, host: '127.0.0.1' }));
    await expect.poll(() => refused.how()).toBe('reset');
    client.socket.write('still here');
    await expect.poll(() => server.text()).toBe('still here');
    proxy.heal();
    const next = await dial();
    next.client.socket.write('again');
    await expect.poll(() => next.server.text()).toBe('again');
  });

  it('holds what goes into a black hole, within bounds, until it heals', async () => {
    const { proxy, client, server } = await throughProxy();
    proxy.blackhole(true);
    const much = 'x'.repeat(64 * LANE_BYTES);
    client.socket.write(much);
    await expect.poll(() => proxy.toServer.queuedBytes).toBeGreaterThanOrEqual(LANE_BYTES);
    server.socket.write('nobody hears this');
    await expect.poll(() => proxy.toClient.arrivedBytes).toBeGreaterThan(0);
    expect(proxy.toServer.queuedBytes).toBeLessThan(2 * LANE_BYTES);
    expect([server.text(), client.text()]).toEqual(['', '']);
    proxy.heal();
    await expect.poll(() => server.text().length).toBe(much.length);
    await expect.poll(() => client.text()).toBe('nobody hears this');
    expect(proxy.toServer.queuedBytes).toBe(0);
  });

  it('can be deaf one way only', async () => {
    const { proxy, client, server } = await throughProxy();
    proxy.toClient.set({ blackhole: true });
    server.socket.write('lost');
    client.socket.write('heard');
    await expect.poll(() => server.text()).toBe('heard');
    await expect.poll(() => proxy.toClient.queuedBytes).toBe(4);
    expect(client.text()).toBe('');
  });

  it('delays bytes, with jitter, and keeps their order', async () => {
    const clock = createFakeClock();
    const { proxy, client, server } = await throughProxy({ clock });
    proxy.toServer.set({ delayMs: 100, jitterMs: 50, sliceBytes: 1 });
    client.socket.write('0123456789');
    await arrived(proxy, 10);
    clock.advance(99);
    proxy.toServer.set({});
    expect([server.text(), proxy.toServer.queuedBytes]).toEqual(['', 10]);
    clock.advance(51);
    await expect.poll(() => server.text()).toBe('0123456789');
  });

  it('lets only so many bytes through in a second', async () => {
    const clock = createFakeClock();
    const { proxy, client, server } = await throughProxy({ clock });
    proxy.toServer.set({ bytesPerSecond: 1_000 });
    client.socket.write('x'.repeat(500));
    await arrived(proxy, 500);
    await passed(clock, 200, server);
    expect(server.text().length).toBeGreaterThan(150);
    expect(server.text().length).toBeLessThanOrEqual(250);
    await passed(clock, 300, server);
    expect(server.text()).toHaveLength(500);
  });

  it.each([0, 1, 3, 7])('cuts a connection after exactly %i bytes', async (bytes) => {
    const { proxy, client, server } = await throughProxy();
    proxy.toServer.cutAfter(bytes, 'finish');
    client.socket.write('0123456');
    await expect.poll(() => server.how()).toBe('finished');
    expect(server.text()).toBe('0123456'.slice(0, bytes));
    await expect.poll(() => client.how()).toBe('finished');
  });

  it('cuts new connections in the same way until it heals', async () => {
    const { proxy, dial } = await throughProxy();
    proxy.toServer.cutAfter(2, 'finish');
    const second = await dial();
    second.client.socket.write('abc');
    await expect.poll(() => [second.server.text(), second.server.how()]).toEqual(['ab', 'finished']);
    proxy.heal();
    const third = await dial();
    third.client.socket.write('abc');
    await expect.poll(() => third.server.text()).toBe('abc');
  });

  it('ends one way and leaves the other open', async () => {
    const { proxy, client, server } = await throughProxy();
    proxy.toServer.halfClose();
    await expect.poll(() => server.how()).toBe('finished');
    server.socket.write('can you hear me?');
    await expect.poll(() => client.text()).toBe('can you hear me?');
  });

  it('flips one bit of one byte', async () => {
    const { proxy, client, server } = await throughProxy();
    proxy.toServer.flipAfter(2);
    client.socket.write('aaaa');
    await expect.poll(() => server.text()).toBe('aa`a');
    client.socket.write('aaaa');
    await expect.poll(() => server.text()).toBe('aa`aaaaa');
  });
});

/** Lets time pass in small steps, and waits until what was let through has arrived. */
async function passed(clock: FakeClock, ms: number, end: End): Promise<void> {
  const before = end.text().length;
  for (let left = ms; left > 0; left -= 10) clock.advance(10);
  await expect.poll(() => end.text().length).toBeGreaterThan(before);
}
