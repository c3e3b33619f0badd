import { writeSync } from 'node:fs';
import { systemClock } from '../../src/adapters/in-process/system-clock.ts';
import { openSqliteExposureQueue } from '../../src/adapters/sqlite/exposure-queue.ts';

/**
 * A process that publishes to the queue of a data directory as fast as it can, eight at once, and prints the id of each
 * parcel that was acknowledged. Arguments: the directory, and a name of its own.
 */
const [directory, name] = process.argv.slice(2);
if (directory === undefined || name === undefined) throw new Error('needs a directory and a name');

const queue = await openSqliteExposureQueue(directory, { clock: systemClock, maxBytes: 1 << 30 });

for (let count = 0; ; count += 8) {
  const publishing = Array.from({ length: 8 }, async (_, index) => {
    const id = `${name}:${count + index + 1}`;
    await queue.publish({ id, bytes: Buffer.from(id.padEnd(1_000 * (1 + (index % 3) * 20), '.')) });
    writeSync(1, `${id}\n`);
  });
  await Promise.all(publishing);
}
