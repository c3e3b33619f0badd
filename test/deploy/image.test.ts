import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { at, deployFiles, problemWith, ROOT, read } from './files.ts';

const dockerfile = read('deploy/Dockerfile');
const instructions = dockerfile
  .replaceAll(/^#.*\n/gm, '')
  .replaceAll(/\\\n\s*/g, ' ')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => line.split(/\s+/));

function all(instruction: string): string[][] {
  return instructions.filter(([name]) => name === instruction).map(([, ...words]) => words);
}

describe('the files in deploy/', () => {
  it('name no variable that there is not', () => {
    const files = deployFiles();
    expect(files).toContain('deploy/compose.yaml');
    const names = files.flatMap((file) => read(file).match(/\bVEXIL_[A-Z_]*[A-Z]\b(?!_)/g) ?? []);
    expect(new Set(names).size).toBeGreaterThan(10);
    const unknown = [...new Set(names)].filter((name) =>
      problemWith({ [name]: '1' })?.includes(`${name} is no `),
    );
    expect(unknown).toEqual([]);
    expect(problemWith({ VEXIL_NO_SUCH: '1' })).toContain('VEXIL_NO_SUCH is no ');
  });
});

describe('the image', () => {
  it('has the Node that the repository pins', () => {
    const pinned = at(JSON.parse(read('package.json')), 'devDependencies', 'node');
    expect(all('ARG')).toEqual([[`BASE=node:${pinned}-slim`]]);
    for (const [base] of all('FROM')) expect(base).toMatch(/^\$\{BASE\}$/);
  });

  it('has what the sources import, and nothing that .dockerignore keeps out of it', () => {
    const copied = all('COPY')
      .filter(([first]) => first?.startsWith('--from') === false)
      .flatMap((words) => words.slice(0, -1));
    expect(copied.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
    expect(copied).toEqual(expect.arrayContaining(['src', 'gen', 'bin', 'package.json']));
    const ignore = read('.dockerignore').split('\n');
    expect(ignore.filter((line) => line !== '' && !/^[#!]/.test(line))).toEqual(['*']);
    const admitted = ignore.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
    expect(admitted.sort()).toEqual([...new Set(copied)].sort());
  });

  it('runs as somebody, by number, who is not root', () => {
    expect(all('USER')).toEqual([[expect.stringMatching(/^[1-9]\d*:[1-9]\d*$/)]]);
  });

  it('asks itself how it is, and is stopped by the signal that the service waits for', () => {
    expect(dockerfile).toMatch(/HEALTHCHECK [^[]*CMD \["node", "\/app\/src\/cli\/vexil.js", "health"\]/);
    expect(all('STOPSIGNAL')).toEqual([['SIGTERM']]);
    expect(all('ENTRYPOINT').join()).toBe('["node",,"/app/src/cli/vexil.js"]');
  });
});
