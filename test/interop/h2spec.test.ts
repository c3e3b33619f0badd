import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { makeCertificate } from '../support/certificate.ts';
import { toolOrSkip } from '../support/require-tool.ts';
import { runCommand } from '../support/run-command.ts';
import { startServer } from '../support/server-process.ts';

/**
 * Every case that h2spec has about HTTP/2 and HPACK. Debian has no such package, so that not even CI insists on it:
 * `go install github.com/summerwind/h2spec/cmd/h2spec@latest` brings it, and VEXIL_TEST_H2SPEC says where it is.
 */
const PLACES = [
  process.env.VEXIL_TEST_H2SPEC ?? '/usr/local/bin/h2spec',
  '/usr/bin/h2spec',
  join(homedir(), 'go/bin/h2spec'),
];
const h2spec = PLACES.find((path) => existsSync(path)) ?? '';
if (h2spec === '')
  process.stderr.write(`\n*** SKIPPED: h2spec is not here (looked for ${PLACES.join(', ')}). ***\n\n`);

const openssl = toolOrSkip('openssl', '/usr/bin/openssl') ?? '';
const directory = mkdtempSync(join(tmpdir(), 'vexil-h2spec-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** The cases that failed, as h2spec tells them, and its last line. */
async function failures(...args: string[]): Promise<{ failed: string[]; summary: string }> {
  const { stdout } = await runCommand(h2spec, [...args, '--strict', '--timeout', '5']);
  const lines = stdout.toString().split('\n');
  const failed = lines
    .slice(lines.findIndex((line) => line.startsWith('Failures:')))
    .filter((line) => /× /.test(line));
  return {
    failed: failed.map((line) => line.trim().replace(/^× /, '')),
    summary: lines.find((line) => /^\d+ tests, /.test(line)) ?? '',
  };
}

describe.skipIf(h2spec === '')('h2spec', () => {
  it('finds nothing wrong in cleartext but that the port also speaks HTTP/1.1', async () => {
    await using server = await startServer();
    const { failed, summary } = await failures(
      '--port',
      new URL(server.managementUrl).port,
      '--path',
      '/livez',
    );
    expect(failed).toEqual(['2: Sends invalid connection preface']);
    expect(summary).toMatch(/^14\d tests, /);
    expect(server.output()).not.toMatch(/"level":"(error|fatal)"/);
  }, 120_000);

  it.skipIf(openssl === '')(
    'finds nothing wrong over TLS, with the preface neither',
    async () => {
      const { certPath, keyPath } = makeCertificate(openssl, directory);
      await using server = await startServer({ env: { VEXIL_TLS_CERT: certPath, VEXIL_TLS_KEY: keyPath } });
      const { port } = new URL(server.url);
      const { failed, summary } = await failures(
        ...['http2/3', 'http2/4', 'http2/8', 'hpack'],
        ...['--port', port, '--tls', '--insecure'],
      );
      expect(failed).toEqual([]);
      expect(summary).toMatch(/ 0 failed$/);
    },
    120_000,
  );
});
