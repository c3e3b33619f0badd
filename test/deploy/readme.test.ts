import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { runCli } from '../cli/run-cli.ts';
import { at, entries, ROOT, read } from './files.ts';

/** The commands of console blocks, without what they print. */
function commandsIn(text: string, info: string): string[] {
  const blocks = [...text.matchAll(/^```console(.*)\n([\s\S]*?)^```$/gm)];
  const chosen = blocks.filter(([, kind = '']) => kind.trim() === info).map(([, , block = '']) => block);
  return chosen.flatMap((block) =>
    [...block.replaceAll(/\\\n\s*/g, '').matchAll(/^\$ (.*)$/gm)].map(([, command = '']) => command),
  );
}

const fleet = commandsIn(read('README.md'), 'fleet');
const operations = commandsIn(read('docs/operations.md'), '');
const services = entries(parse(read('deploy/compose.yaml'), { merge: true }), 'services').map(
  ([name]) => name,
);
let help: string;

beforeAll(async () => {
  help = (await runCli(['migrate', '--help'])).stdout;
});

describe('the way from one machine to many', () => {
  it('is shown with commands that go by files which are there', () => {
    expect(fleet.length).toBeGreaterThan(4);
    const files = [...fleet, ...operations].flatMap((command) => command.match(/\bdeploy\/[\w./-]+/g) ?? []);
    expect(files).toEqual(
      expect.arrayContaining(['deploy/compose.yaml', 'deploy/make-secrets', 'deploy/helm/vexil']),
    );
    expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  });

  it('names services that there are, and options that the command has', () => {
    const runs = fleet.filter((command) => command.includes(' run '));
    expect(runs).toHaveLength(1);
    expect(services).toContain(runs[0]?.match(/ (\S+) migrate /)?.[1]);
    const migrations = [...fleet, ...operations].filter((command) => command.includes(' migrate '));
    expect(migrations.length).toBeGreaterThan(2);
    const options = migrations.flatMap((command) => command.split(' migrate ')[1]?.match(/--[a-z-]+/g) ?? []);
    expect(options.filter((option) => !help.includes(`${option} `))).toEqual([]);
  });

  it('names values that the chart has', () => {
    const values: unknown = parse(read('deploy/helm/vexil/values.yaml'));
    const settings = operations.flatMap((command) => [...command.matchAll(/--set(?:-file)? ([\w.]+)=/g)]);
    expect(settings.length).toBeGreaterThan(4);
    for (const [, path = ''] of settings) expect(typeof at(values, ...path.split('.')), path).toBe('string');
  });
});
