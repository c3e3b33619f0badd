import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../src/server/config.ts';
import { temporaryDirectory } from '../contract/sqlite-stores.ts';
import { at, entries, items, ROOT, read } from './files.ts';

const compose: unknown = parse(read('deploy/compose.yaml'), { merge: true });
const services = new Map(entries(compose, 'services'));
const replicas = [...services.keys()].filter((name) => name.startsWith('vexil-'));

/** Runs `make-secrets` in a place of its own, and says what it made there. */
async function madeSecrets(dataDir?: string) {
  const directory = await temporaryDirectory();
  cpSync(join(ROOT, 'deploy/make-secrets'), join(directory.path, 'make-secrets'));
  const run = (...args: string[]) =>
    execFileSync(join(directory.path, 'make-secrets'), args, { encoding: 'utf8', stdio: 'pipe' });
  run(...(dataDir === undefined ? [] : [dataDir]));
  const path = join(directory.path, 'secrets');
  const contents = () =>
    new Map(readdirSync(path).map((name) => [name, readFileSync(join(path, name), 'utf8')] as const));
  return { run, path, contents, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
}

describe('compose.yaml', () => {
  it('has three replicas, each with a name and a volume of its own, and the balancer knows them all', () => {
    expect(replicas).toEqual(['vexil-1', 'vexil-2', 'vexil-3']);
    for (const name of replicas) {
      expect(at(services.get(name), 'environment', 'VEXIL_REPLICA')).toBe(name);
      expect(at(services.get(name), 'volumes')).toEqual([`${name}:/data`]);
      expect(at(services.get(name), 'read_only')).toBe(true);
    }
    const servers = [...read('deploy/haproxy.cfg').matchAll(/^ +server (\S+) (\S+)$/gm)];
    const known = servers.map(([, name, address]) => [name, address]);
    for (const port of [8013, 8014])
      expect(known).toEqual(expect.arrayContaining(replicas.map((name) => [name, `${name}:${port}`])));
    expect(known).toHaveLength(9);
  });

  it('starts replicas with variables and secrets that make a fleet of them', async () => {
    await using secrets = await madeSecrets();
    for (const name of replicas) {
      const given = entries(services.get(name), 'environment').map(([variable, value]) => [
        variable,
        String(value).replace('/run/secrets', secrets.path),
      ]);
      const config = loadConfig(Object.fromEntries(given));
      expect(config.replicaName).toBe(name);
      expect(config.fleet?.mongo.uri).toMatch(/^mongodb:\/\/vexil:[0-9a-f]{64}@mongodb:27017\/\?/);
      expect(config.fleet?.nats?.servers).toEqual([expect.stringMatching(/^nats:\/\/vexil:.*@nats:4222$/)]);
      expect(config.keyPepper).toHaveLength(64);
    }
  });

  it('uses the secrets that are made, and makes those that are used', async () => {
    await using secrets = await madeSecrets();
    const declared = entries(compose, 'secrets').map(([name, secret]) => [name, at(secret, 'file')]);
    const used = [...services.values()].flatMap((service) =>
      entries(service).flatMap(([key, value]) => (key === 'secrets' ? items(value) : [])),
    );
    const made = [...secrets.contents().keys()];
    expect(declared.map(([name]) => name).sort()).toEqual(made.sort());
    expect(declared.every(([name, file]) => file === `secrets/${name}`)).toBe(true);
    expect([...new Set(used)].sort()).toEqual(made.sort());
  });

  it('gives replicas more time to stop than they take', () => {
    const { shutdownMs } = loadConfig({});
    for (const name of replicas) {
      const seconds = /^(\d+)s$/.exec(String(at(services.get(name), 'stop_grace_period')))?.[1];
      expect(Number(seconds) * 1_000).toBeGreaterThan(shutdownMs);
    }
  });

  it('opens two ports of this machine, both of the balancer, and hides everything else', () => {
    const open = [...services].filter(([, service]) => 'ports' in Object(service));
    expect(open.map(([name]) => name)).toEqual(['balancer']);
    expect(at(services.get('balancer'), 'ports')).toEqual(['127.0.0.1:8013:8013', '127.0.0.1:8014:8014']);
    expect(at(compose, 'networks', 'inside', 'internal')).toBe(true);
    for (const [name, service] of services)
      expect(at(service, 'networks'), name).toEqual(name === 'balancer' ? ['inside', 'outside'] : ['inside']);
  });
});

describe('make-secrets', () => {
  it('keeps what is there, and keeps others out', async () => {
    await using secrets = await madeSecrets();
    const before = secrets.contents();
    expect(new Set(before.values()).size).toBe(5);
    secrets.run();
    expect(secrets.contents()).toEqual(before);
    expect(statSync(secrets.path).mode & 0o777).toBe(0o700);
  });

  it('takes the pepper of a data directory along, and no second one', async () => {
    await using directory = await temporaryDirectory();
    const dataDir = (name: string, pepper: string) => {
      const path = join(directory.path, name);
      mkdirSync(path);
      writeFileSync(join(path, 'pepper'), pepper);
      return path;
    };
    const first = dataDir('first', `${'a'.repeat(64)}\n`);
    await using secrets = await madeSecrets(first);
    expect(secrets.contents().get('key-pepper')).toBe(`${'a'.repeat(64)}\n`);
    secrets.run(first);
    expect(() => secrets.run(dataDir('second', 'b'.repeat(64)))).toThrow(/another pepper/);
    expect(secrets.contents().get('key-pepper')).toBe(`${'a'.repeat(64)}\n`);
  });
});
