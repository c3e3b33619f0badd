import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// What Node makes of our sources is kept beside them, where nobody else can write: the next start takes half the time.
enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/vexil', import.meta.url)));
const { run } = await import('./run.ts');

const stop = new AbortController();
process.once('SIGINT', () => stop.abort());

// Whoever reads our output may stop early, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

process.exitCode = await run(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: stop.signal,
});
