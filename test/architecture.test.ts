import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.(ts|tsx|js|mjs)$/.test(name))
  .map((name) => ({ path: join('src', name), text: readFileSync(join(root, 'src', name), 'utf8') }));

/** What each part of the house may import besides itself: other parts, `gen`, `node` and packages by name. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: ['re2js', '@noble/hashes'],
  ports: ['core'],
  adapters: ['core', 'ports', 'node', '*'],
  app: ['core', 'ports', 'node', '*'],
  http2: ['node'],
  rpc: ['http2', 'app', 'core', 'ports', 'gen', 'node', '*'],
  server: ['adapters', 'rpc', 'http2', 'app', 'core', 'ports', 'gen', 'node', '*'],
  client: ['core', 'gen', 'node', '*'],
  cli: ['client', 'gen', 'node', '*'],
  console: ['client', 'node', '*'],
};

const PARTS = Object.keys(MAY_IMPORT);

/** The part, `gen`, `node` or package that an import leads to. */
function destination(path: string, specifier: string): string {
  if (specifier.startsWith('node:')) return 'node';
  if (!specifier.startsWith('.'))
    return specifier
      .split('/')
      .slice(0, specifier.startsWith('@') ? 2 : 1)
      .join('/');
  const target = normalize(join(dirname(path), specifier));
  return target.startsWith('src/') ? (target.split('/')[1] ?? '') : (target.split('/')[0] ?? '');
}

function importsOf(text: string): string[] {
  const code = withoutComments(text);
  const found = code.matchAll(/(?<!\.)(?:\bfrom|\bimport)\s*\(?\s*(['"])([^'"]+)\1/g);
  return [...found].map((match) => match[2] ?? '');
}

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|\s)\/\/.*$/gm, '');
}

function partOf(path: string): string {
  return path.split('/')[1] ?? '';
}

function isAllowed(part: string, target: string): boolean {
  if (target === part) return true;
  const allowed = MAY_IMPORT[part] ?? [];
  const isPackage = !PARTS.includes(target) && target !== 'gen' && target !== 'node';
  return allowed.includes(target) || (isPackage && allowed.includes('*'));
}

describe('the house', () => {
  it('has sources to look at', () => {
    expect(sources.length).toBeGreaterThan(50);
    expect(importsOf("import { a } from './a.ts';\nconst b = await import('node:fs');")).toEqual([
      './a.ts',
      'node:fs',
    ]);
  });

  it('knows every part', () => {
    expect(
      [...new Set(sources.map(({ path }) => partOf(path)))].filter((part) => !PARTS.includes(part)),
    ).toEqual([]);
  });

  it.each(PARTS)('%s imports only what it may', (part) => {
    const strays = sources
      .filter(({ path }) => partOf(path) === part)
      .flatMap(({ path, text }) => importsOf(text).map((specifier) => ({ path, specifier })))
      .filter(({ path, specifier }) => !isAllowed(part, destination(path, specifier)))
      .filter(({ path, specifier }) => !isDoorToServer(path, specifier));
    expect(strays).toEqual([]);
  });

  // Two compositions: the service, and the migration that opens two stores with nothing around them.
  it('names concrete adapters where things are put together, and nowhere else', () => {
    const COMPOSITIONS = ['src/server/backend.ts', 'src/server/migrate.ts'];
    const naming = sources
      .filter(({ path }) => partOf(path) !== 'adapters')
      .filter(({ path, text }) => importsOf(text).some((name) => destination(path, name) === 'adapters'))
      .map(({ path }) => path);
    expect(naming.filter((path) => !COMPOSITIONS.includes(path))).toEqual([]);
  });

  it('has adapters that know no other adapter', () => {
    const strays = sources
      .filter(({ path }) => partOf(path) === 'adapters')
      .flatMap(({ path, text }) => importsOf(text).map((specifier) => ({ path, specifier })))
      .filter(({ path, specifier }) => {
        const target = normalize(join(dirname(path), specifier));
        return target.startsWith('src/adapters/') && target.split('/')[2] !== path.split('/')[2];
      });
    expect(strays).toEqual([]);
  });

  it('has no file of more than 400 lines', () => {
    const long = sources.filter(({ text }) => text.split('\n').length > 401).map(({ path }) => path);
    expect(long).toEqual([]);
  });
});

describe('the core', () => {
  const FORBIDDEN =
    /\bDate\.now\b|\bnew Date\(\s*\)|\bDate\(\s*\)|\bMath\.random\b|\b(?:performance|crypto|process|globalThis|console)\.|\bfetch\(|\bset(?:Timeout|Interval|Immediate)\b|\bqueueMicrotask\b|\bAtomics\.|\bawait\b|\basync\b/;

  it('has no clock, no randomness and no I/O', () => {
    const strays = sources
      .filter(({ path }) => partOf(path) === 'core')
      .flatMap(
        ({ path, text }) =>
          FORBIDDEN.exec(withoutStrings(withoutComments(text)))?.map((found) => ({ path, found })) ?? [],
      );
    expect(strays).toEqual([]);
  });

  it.each(['Date.now()', 'new Date()', 'Math.random()', 'process.env', 'setTimeout(f)', 'await x'])(
    'would be found out using %s',
    (code) => {
      expect(FORBIDDEN.test(code)).toBe(true);
    },
  );
});

function withoutStrings(code: string): string {
  return code.replaceAll(/'[^'\n]*'|"[^"\n]*"/g, "''");
}

/** What `vexil serve` and `vexil migrate` run: the two ways from the command line into it, loaded when asked for. */
function isDoorToServer(path: string, specifier: string): boolean {
  const target = relative('src/server', normalize(join(dirname(path), specifier)));
  return path.startsWith('src/cli/') && ['main.ts', 'migrate.ts'].includes(target);
}
