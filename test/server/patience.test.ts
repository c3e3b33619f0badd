import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { afterSilence } from '../../src/server/patience.ts';

function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

describe('silence', () => {
  it('is none if what was said has only not been read yet', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const client = connect(typeof address === 'object' && address !== null ? address.port : 0, '127.0.0.1');
    const [socket] = await once(server, 'connection');
    await once(client, 'connect');
    let gaveUp = false;
    const patience = afterSilence(50, () => {
      gaveUp = true;
    });
    socket.once('data', () => patience[Symbol.dispose]());
    client.write('here I am');
    await new Promise((resolve) => process.nextTick(resolve));
    block(120);
    await delay(20);
    expect(gaveUp).toBe(false);
    client.destroy();
    socket.destroy();
    server.close();
  });

  it('ends with the task, unless disposed', async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    using _patience = afterSilence(1, () => resolve('gave up'));
    afterSilence(0, () => resolve('was disposed'))[Symbol.dispose]();
    expect(await promise).toBe('gave up');
  });
});
