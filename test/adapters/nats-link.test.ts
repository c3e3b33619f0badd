import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/adapters/in-process/system-clock.ts';
import type { NatsOptions } from '../../src/adapters/nats/nats-settings.ts';
import { type NatsLink, openNats } from '../../src/adapters/nats/open-nats.ts';
import { type NatsProcess, natsProcess, natsProgramOrSkip } from '../support/nats-server.ts';

const program = natsProgramOrSkip() ?? '';
const FAST_PINGS = { pingIntervalMs: 150 };

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

async function server(...args: readonly string[]): Promise<NatsProcess> {
  const made = await natsProcess(program, ...args);
  open.push(made);
  return made;
}

/** A link, what it complained about, and what it hears on `news`. */
function link(url: string, options: Partial<NatsOptions> = {}) {
  const reports: { readonly problem: string; readonly details: Readonly<Record<string, unknown>> }[] = [];
  const made = openNats({
    servers: [url],
    name: 'test',
    clock: systemClock,
    report: (problem, details) => void reports.push({ problem, details }),
    ...options,
  });
  open.push(made);
  const heard: string[] = [];
  made.subscribe('news', (_, payload) => void heard.push(Buffer.from(payload).toString()));
  return Object.assign(made, { heard, reports, problems: () => reports.map(({ problem }) => problem) });
}

async function connected(...links: readonly NatsLink[]): Promise<void> {
  await vi.waitFor(() => expect(links.map((each) => each.connected())).not.toContain(false), 15_000);
}

async function disconnected(...links: readonly NatsLink[]): Promise<void> {
  await vi.waitFor(() => expect(links.map((each) => each.connected())).not.toContain(true), 15_000);
}

const say = (from: NatsLink, text: string) => from.publish('news', Buffer.from(text));

describe.skipIf(program === '')('a link to a server that comes and goes', () => {
  it('is there before the server, and connects when that comes up', async () => {
    const nats = await server();
    const one = link(nats.url);
    const times = vi.fn();
    one.onConnected(times);
    await vi.waitFor(() => expect(one.problems()).toEqual(['cannot connect to NATS']));
    expect(one.connected()).toBe(false);
    expect(say(one, 'too early')).toBe(false);
    await nats.start();
    await connected(one);
    expect(times).toHaveBeenCalledTimes(1);
    expect(say(one, 'now')).toBe(true);
  });

  it('notices when the server is killed, loses what is sent meanwhile, and goes on when it is back', async () => {
    const nats = await server();
    await nats.start();
    const [one, other] = [link(nats.url), link(nats.url)];
    await connected(one, other);
    const times = vi.fn();
    other.onConnected(times);
    for (const round of ['first', 'second']) {
      await nats.kill();
      await disconnected(one, other);
      for (let index = 0; index < 100; index++) expect(say(one, 'lost')).toBe(false);
      await nats.start();
      await connected(one, other);
      expect(say(one, round)).toBe(true);
      await vi.waitFor(() => expect(other.heard).toContain(round));
    }
    expect(other.heard).toEqual(['first', 'second']);
    expect(times).toHaveBeenCalledTimes(2);
  });

  it('notices a server that stops without a word, holds little for it, and goes on when that wakes up', async () => {
    const nats = await server();
    await nats.start();
    const [one, other] = [link(nats.url, FAST_PINGS), link(nats.url, FAST_PINGS)];
    await connected(one, other);
    nats.signal('SIGSTOP');
    const payload = new Uint8Array(65_536);
    let sent = 0;
    while (one.publish('bulk', payload)) sent++;
    expect(sent).toBe(16);
    await disconnected(one, other);
    nats.signal('SIGCONT');
    await connected(one, other);
    expect(say(one, 'awake')).toBe(true);
    await vi.waitFor(() => expect(other.heard).toEqual(['awake']));
  });

  it('ends within its bound while the server stands still', async () => {
    const nats = await server();
    await nats.start();
    const one = link(nats.url);
    await connected(one);
    nats.signal('SIGSTOP');
    one.publish('bulk', new Uint8Array(65_536));
    await one[Symbol.asyncDispose]();
    expect(one.connected()).toBe(false);
    expect(say(one, 'late')).toBe(false);
  });
});

it('gives up a connection that is full and that nobody reads', async () => {
  const nats = await startSilentServer();
  const one = link(nats.url, { ...FAST_PINGS, mostUnconfirmedBytes: 1 << 26 });
  await connected(one);
  nats.stopReading();
  const payload = new Uint8Array(65_536);
  while (one.publish('bulk', payload));
  await disconnected(one);
  nats.readAgain();
  await connected(one);
  expect(nats.connections()).toBe(2);
});

describe.skipIf(program === '')('a link to a server that does not let everybody do everything', () => {
  it('presents the user and password of the address, or the token', async () => {
    for (const [args, credentials] of [
      [['--user', 'vexil', '--pass', 'p@ss:1'], `vexil:${encodeURIComponent('p@ss:1')}`],
      [['--auth', 'a-token'], 'a-token'],
    ] as const) {
      const nats = await server(...args);
      await nats.start();
      const refused = link(nats.url);
      await connected(link(nats.url.replace('//', `//${credentials}@`)));
      await vi.waitFor(() => expect(refused.problems()).toContain('cannot connect to NATS'));
      expect(refused.connected()).toBe(false);
      expect(JSON.stringify(refused.reports)).not.toContain(credentials);
    }
  });

  it('keeps trying with credentials that the server refuses, and gets in once it takes them', async () => {
    const nats = await server();
    await nats.start();
    const one = link(nats.url);
    await connected(one);
    await nats.kill();
    await nats.start('--auth', 'another');
    await vi.waitFor(() => expect(one.problems()).toContain('NATS refuses'), 10_000);
    await nats.kill();
    await nats.start();
    await connected(one);
  });

  it('is not connected as long as it may not hear what it subscribed to', async () => {
    const nats = await server('-c', await configured('subscribe: { deny: "news" }'));
    await nats.start();
    const one = link(nats.url);
    await vi.waitFor(() => expect(one.problems()).toContain('NATS does not let this be heard'));
    expect(one.connected()).toBe(false);
  });

  it('says so when it may not send', async () => {
    const nats = await server('-c', await configured('publish: { deny: "news" }'));
    await nats.start();
    const one = link(nats.url);
    await connected(one);
    say(one, 'forbidden');
    await vi.waitFor(() => expect(one.problems()).toContain('NATS refuses'));
    expect(one.connected()).toBe(true);
  });
});

/** A configuration file with these permissions for everybody. */
async function configured(permissions: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'vexil-nats-'));
  open.push({ [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) });
  const file = join(directory, 'nats.conf');
  const user = `{ user: all, password: "", permissions: { ${permissions} } }`;
  await writeFile(file, `authorization { users: [ ${user} ] }\nno_auth_user: all\n`);
  return file;
}

/** Greets and answers pings like a NATS server, and can stop to read from those who are there. */
async function startSilentServer() {
  const sockets: Socket[] = [];
  let isReading = true;
  const listener = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.write('INFO {"server_id":"x","version":"2.9.10","proto":1,"max_payload":1048576}\r\n');
    socket.on('data', (data) => {
      if (isReading) socket.write('PONG\r\n'.repeat(data.toString().split('PING\r\n').length - 1));
    });
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  open.push({
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      listener.close();
    },
  });
  return {
    url: `nats://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    connections: () => sockets.length,
    stopReading() {
      isReading = false;
      for (const socket of sockets) socket.pause();
    },
    readAgain() {
      isReading = true;
    },
  };
}
