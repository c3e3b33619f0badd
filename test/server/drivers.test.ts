import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

/** Imports all that the server is made of, and prints the packages that this loads. */
const SCRIPT = `
  import { registerHooks } from 'node:module';
  const packages = new Set();
  registerHooks({
    resolve(specifier, context, next) {
      const resolved = next(specifier, context);
      const [, name] = /.*\\/node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(resolved.url) ?? [];
      if (name !== undefined) packages.add(name);
      return resolved;
    },
  });
  await import('./src/cli/program.ts');
  await import('./src/server/main.ts');
  console.log(JSON.stringify([...packages]));
`;

it('loads no driver before it is asked for a server', async () => {
  const args = ['--input-type=module', '-e', SCRIPT];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const packages: unknown = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
  expect(packages).toContain('pino');
  expect(packages).not.toContain('mongodb');
  expect(packages).not.toContain('nats');
});
