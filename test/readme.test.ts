import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ServerProcess, startServer } from './support/server-process.ts';

const ROOT = new URL('..', import.meta.url).pathname;

interface Command {
  readonly line: string;
  readonly output: string;
}

/** The commands of the README's console blocks, each with what it says comes of it. */
function commandsOf(readme: string, info: string): Command[] {
  const blocks = [...readme.matchAll(/^```console(.*)\n([\s\S]*?)^```$/gm)].filter(
    ([, kind = '']) => kind.trim() === info,
  );
  return blocks.flatMap(([, , block = '']) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((text) => {
        const lines = text.trimEnd().split('\n');
        const end = lines.findIndex((line) => !line.endsWith('\\'));
        return { line: lines.slice(0, end + 1).join('\n'), output: lines.slice(end + 1).join('\n') };
      }),
  );
}

/** Times differ from one run to the next. */
function comparable(output: string): string {
  return output.trim().replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>');
}

/** What a watcher was told of changes: how often it was told that there are none depends on the time. */
function told(output: string): string[] {
  const lines = output.trimEnd().split('\n');
  return lines.filter((line) => !line.startsWith('bookmark: '));
}

let server: ServerProcess;
let directory: string;
let readme: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  readme = await readFile(join(ROOT, 'README.md'), 'utf8');
  directory = await mkdtemp(join(tmpdir(), 'vexil-readme-'));
  server = await startServer({ dataDir: join(directory, 'data') });
});

afterAll(async () => {
  for (const child of children) child.kill();
  await server.stop();
  await rm(directory, { recursive: true, force: true });
});

/** A shell in the checkout that finds the test's server where the README has the default one. */
function shell(script: string): ChildProcess {
  const child = spawn('bash', ['-c', script.replaceAll('http://127.0.0.1:8013', server.url)], {
    cwd: ROOT,
    env: {
      ...process.env,
      VEXIL_SERVER: server.url,
      VEXIL_DATA_DIR: server.dataDir,
      XDG_CONFIG_HOME: directory,
      NO_COLOR: '1',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  children.push(child);
  return child;
}

function outputOf(child: ChildProcess, until: (text: string) => boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    let problems = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      problems += chunk;
    });
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk;
      if (until(text)) resolve(text);
    });
    child.on('close', (code) => {
      if (code === 0) resolve(text);
      else reject(new Error(`exit ${code}: ${problems}${text}`));
    });
  });
}

it('names two commands that set everything up, which CI runs', async () => {
  const scripts = [...readme.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text.trim());
  expect(scripts).toEqual(['npm ci && npm start', 'npm ci && npm test']);
});

it('shows what its commands print, to a flag that is halted and a watcher that is told', {
  timeout: 120_000,
}, async () => {
  const [watch] = commandsOf(readme, 'watcher');
  if (watch === undefined) throw new Error('the README has no watcher');
  const lines = watch.output.split('\n');
  const watcher = shell(watch.line);
  const watched = outputOf(watcher, (text) => told(text).length >= lines.length);
  await outputOf(watcher, (text) => text.includes('snapshot complete'));

  const commands = commandsOf(readme, '');
  expect(commands.length).toBeGreaterThan(6);
  const marker = '=== next ===';
  const script = commands.map(({ line }) => `${line} || exit 1\necho; echo '${marker}'`).join('\n');
  const printed = (await outputOf(shell(script), () => false)).split(marker).map(comparable);
  expect(printed.slice(0, commands.length)).toEqual(commands.map(({ output }) => comparable(output)));
  expect(told(await watched)).toEqual(lines);
});
