import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Calls, callsOf, text } from '../support/calls.ts';
import { envelopeOf, messagesIn } from '../support/connect-json.ts';
import { follow } from '../support/follower.ts';
import { type GrpcCaller, grpcCaller } from '../support/grpc-caller.ts';
import { metricOf } from '../support/metrics.ts';
import { type ServerProcess, startServer } from '../support/server-process.ts';
import { isMessage } from '../support/stock-protos.ts';
import { newFlag, newKey, newProject } from './tour/tour.ts';

/** Watchers that open a stream and never read it, while much happens. */

const WATCHERS = 90;
/** Until the heap has found its size. */
const WARM_UP = 300;
const CHANGES = 2_000;
const WRITERS = 8;
const VALUE_BYTES = 4_000;
/** A quarter of what it takes to keep every change for every watcher. */
const MOST_GROWTH_BYTES = (WATCHERS * CHANGES * VALUE_BYTES) / 4;

let server: ServerProcess;
let grpc: GrpcCaller;
let calls: Calls;
let parent: string;
let token: string;

beforeAll(async () => {
  server = await startServer();
  grpc = grpcCaller(server.address);
  calls = callsOf(grpc.call, server.adminToken);
  parent = await newProject(calls, 'unread');
  await newFlag(calls, parent, 'text', {
    ...{ type: 'FLAG_TYPE_STRING', variations: [{ key: 'only', value: '' }], defaultVariation: 'only' },
  });
  const environment = `${parent}/environments/production`;
  token = await newKey(calls, parent, { kind: 'KEY_KIND_SERVER', environment });
});
afterAll(async () => {
  grpc?.[Symbol.dispose]();
  await server?.[Symbol.asyncDispose]();
});

describe('watchers that do not read', () => {
  it('cost no memory, disturb nobody, and get one step when they read after all', async () => {
    const session = connect(server.url, { settings: { initialWindowSize: 0 } });
    session.on('error', () => undefined);
    const unread = Array.from({ length: WATCHERS }, () => openWatch(session));
    const watchers = () => metricOf(server.managementUrl, 'vexil_watchers');
    await expect.poll(watchers).toBe(WATCHERS);
    using reading = follow(grpc, { token, view: { definitions: {} } });
    await reading.start();

    await makeChanges(WARM_UP);
    const before = await metricOf(server.managementUrl, 'process_memory_usage');
    const head = await makeChanges(CHANGES);
    const after = await metricOf(server.managementUrl, 'process_memory_usage');
    expect(after - before).toBeLessThan(MOST_GROWTH_BYTES);
    while (reading.revision < head) await reading.delta();
    expect(await watchers()).toBe(WATCHERS + 1);

    const [first] = unread;
    session.settings({ initialWindowSize: 2 ** 20 });
    const messages = first === undefined ? [] : await readUntil(first, head);
    expect(messages[0]).toHaveProperty('hello');
    expect(messages.length).toBeLessThan(CHANGES / 20);
    session.destroy();
    await expect.poll(watchers).toBe(1);
  }, 120_000);
});

/** Many writers, each waiting for its answer; the last revision. */
async function makeChanges(count: number): Promise<number> {
  let made = 0;
  let head = 0;
  const write = async () => {
    while (made < count) {
      made++;
      const variation = { key: 'only', value: `${made} ${'x'.repeat(VALUE_BYTES)}` };
      const answer = await calls.ok('FlagService/UpdateVariation', {
        ...{ parent: `${parent}/flags/text`, variation },
      });
      head = Math.max(head, Number(text(answer, 'receipt', 'revision')));
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, write));
  return head;
}

function openWatch(session: ClientHttp2Session): ClientHttp2Stream {
  const stream = session.request({
    ':method': 'POST',
    ':path': '/vexil.v1.EvaluationService/WatchFlags',
    'content-type': 'application/connect+json',
    authorization: `Bearer ${token}`,
  });
  stream.on('error', () => undefined);
  stream.end(envelopeOf({ definitions: {} }));
  return stream;
}

async function readUntil(stream: ClientHttp2Stream, revision: number) {
  let received: Buffer = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
  });
  for (;;) {
    const messages = messagesIn(received).map(({ message }) => message);
    const { delta } = messages.at(-1) ?? {};
    if (isMessage(delta) && Number(delta.toRevision) >= revision) return messages;
    await once(stream, 'data');
  }
}
