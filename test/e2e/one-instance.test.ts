import { expect, it } from 'vitest';
import { temporaryDirectory } from '../contract/sqlite-stores.ts';
import { startServer } from '../support/server-process.ts';

/** One data directory is for one instance, of however many processes. */

it.each(['1', '2'])(
  'a second instance on the directory of one with %s worker(s) is refused, and named the first',
  {
    timeout: 60_000,
  },
  async (workers) => {
    await using directory = await temporaryDirectory();
    const options = { dataDir: directory.path, env: { VEXIL_WORKERS: workers } };
    await using first = await startServer(options);
    const refusal = `${directory.path} is in use by process ${first.pid} (vexil serve on `;
    await expect(startServer(options)).rejects.toThrow(refusal);
    expect((await fetch(`${first.managementUrl}/readyz`)).status).toBe(200);

    // Nobody is left to release the lock, and it is not in the way.
    await first.kill('SIGKILL');
    await using next = await startServer(options);
    await expect(startServer(options)).rejects.toThrow(`in use by process ${next.pid} `);
    await next.stop();
  },
);
