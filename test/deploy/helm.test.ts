import { execFileSync } from 'node:child_process';
import { accessSync, constants, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { loadConfig } from '../../src/server/config.ts';
import { temporaryDirectory } from '../contract/sqlite-stores.ts';
import { at, isRecord, items, problemWith, ROOT, read } from './files.ts';

const CHART = join(ROOT, 'deploy/helm/vexil');
const PEPPER = 'p'.repeat(32);
const FLEET = ['secrets.mongodbUri=mongodb://m', `secrets.keyPepper=${PEPPER}`, 'secrets.natsUrl=nats://n'];
const EMBEDDED = ['mode=embedded'];
const values: unknown = parse(read('deploy/helm/vexil/values.yaml'));
const chart: unknown = parse(read('deploy/helm/vexil/Chart.yaml'));

describe('the values of the chart', () => {
  const validate = new Ajv({ strict: false }).compile(
    JSON.parse(read('deploy/helm/vexil/values.schema.json')),
  );
  const refuses = (changes: object) => !validate({ ...Object(values), ...changes });

  it('fit their schema, which describes every one of them', () => {
    expect([validate(values), validate.errors]).toEqual([true, null]);
    const described = at(JSON.parse(read('deploy/helm/vexil/values.schema.json')), 'properties');
    expect(
      Object.keys(Object(described))
        .filter((name) => name !== 'global')
        .sort(),
    ).toEqual(Object.keys(Object(values)).sort());
  });

  it.each([
    { replicas: 0 },
    { mode: 'solo' },
    { replica: 3 },
    { secrets: { keyPepper: 'short' } },
    { secrets: { mongodbUri: 'postgres://' } },
    { config: { LOG_LEVEL: 'debug' } },
    { config: { VEXIL_PORT: 1 } },
    { config: { VEXIL_KEY_PEPPER: PEPPER } },
    { config: { VEXIL_LOG_LEVEL: true } },
  ])('are refused if they are %j', (changes) => {
    expect(refuses(changes)).toBe(true);
  });

  it('have the times that the service has by default where there is a network', () => {
    const { drainDelayMs, shutdownMs } = loadConfig({ VEXIL_HOST: '0.0.0.0' });
    expect(values).toMatchObject({ drainDelayMs, shutdownMs });
  });

  it('belong to this version', () => {
    expect(at(chart, 'appVersion')).toBe(at(JSON.parse(read('package.json')), 'version'));
  });
});

const helm = findHelm();

describe.skipIf(helm === undefined)('the chart', () => {
  it('passes helm lint', () => {
    expect(run('lint', ['--strict'], FLEET)).toContain('0 chart(s) failed');
    expect(run('lint', ['--strict'], EMBEDDED)).toContain('0 chart(s) failed');
  });

  it.each([
    ['Deployment', FLEET, 3],
    ['StatefulSet', EMBEDDED, 1],
  ])('makes a %s of pods that the service can be started in', (kind, settings, replicas) => {
    const workload = render(settings).get(kind);
    expect(at(workload, 'spec', 'replicas')).toBe(replicas);
    const given = environmentOf(workload);
    expect(problemWith({ ...given, ...secretsIn(given) })).toBeUndefined();
    const config = loadConfig({ ...given, ...secretsIn(given) });
    expect(config.fleet !== undefined).toBe(kind === 'Deployment');
    expect(config).toMatchObject({ port: 8013, managementPort: 8014, managementApi: 'management' });
    const pod = at(workload, 'spec', 'template', 'spec');
    const graceMs = Number(at(pod, 'terminationGracePeriodSeconds')) * 1_000;
    expect(graceMs).toBeGreaterThan(config.shutdownMs);
    expect(pod).toMatchObject({
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
          livenessProbe: { httpGet: { path: '/livez', port: 'management' } },
          readinessProbe: { httpGet: { path: '/readyz', port: 'management' } },
        },
      ],
    });
  });

  it('mounts every file that a variable names, and claims or has every volume that is mounted', () => {
    for (const settings of [FLEET, EMBEDDED, [...FLEET, 'tls.existingSecret=cert']]) {
      const rendered = render(settings);
      const workload = rendered.get('Deployment') ?? rendered.get('StatefulSet');
      const container = at(workload, 'spec', 'template', 'spec', 'containers', 0);
      const mounts = items(container, 'volumeMounts').map((mount) => String(at(mount, 'mountPath')));
      const files = Object.values(environmentOf(workload)).filter((value) => value.startsWith('/'));
      expect(files.filter((file) => !mounts.some((mount) => file.startsWith(mount)))).toEqual([]);
      const pod = Object(at(workload, 'spec', 'template', 'spec'));
      const claims = Object(at(workload, 'spec')).volumeClaimTemplates ?? [];
      const volumes = [
        ...(pod.volumes ?? []).map((volume: unknown) => at(volume, 'name')),
        ...claims.map((claim: unknown) => at(claim, 'metadata', 'name')),
      ];
      expect(items(container, 'volumeMounts').map((mount) => at(mount, 'name'))).toEqual(volumes);
    }
  });

  it('takes secrets from files, which end with a line break', async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, 'pepper');
    writeFileSync(file, `${PEPPER}\n`);
    const output = run('template', ['--set-file', `secrets.keyPepper=${file}`], FLEET);
    expect(output).toContain(`key-pepper: "${PEPPER}"`);
  });

  it('makes the Secret that it mounts, or makes none if there is one', () => {
    const secret = render(FLEET).get('Secret');
    expect(at(secret, 'stringData')).toEqual({
      'mongodb-uri': 'mongodb://m',
      'key-pepper': PEPPER,
      'nats-url': 'nats://n',
    });
    expect(render(['secrets.existingSecret=mine']).has('Secret')).toBe(false);
    expect(render(EMBEDDED).has('Secret')).toBe(false);
    expect(() => render([])).toThrow(/a fleet needs secrets.mongodbUri/);
    expect(() => render(FLEET.slice(0, 1))).toThrow(/a fleet needs secrets.keyPepper/);
  });

  it('makes a pepper only for whoever asks for one, and leaves it where it is', () => {
    const make = ['secrets.mongodbUri=mongodb://m', 'nats.enabled=false', 'secrets.makeKeyPepper=true'];
    const secret = render(make).get('Secret');
    expect(at(secret, 'metadata', 'annotations')).toEqual({ 'helm.sh/resource-policy': 'keep' });
    const made = at(secret, 'stringData', 'key-pepper');
    expect(made).toMatch(/^[0-9A-Za-z]{48}$/);
    expect(at(render(make).get('Secret'), 'stringData', 'key-pepper')).not.toBe(made);
    const given = render([...make, `secrets.keyPepper=${PEPPER}`]).get('Secret');
    expect(at(given, 'stringData', 'key-pepper')).toBe(PEPPER);
    expect(at(given, 'metadata')).not.toHaveProperty('annotations');
  });

  it('has what is optional when it is asked for, and a budget for a fleet', () => {
    const kinds = (settings: string[]) => [...render(settings).keys()].sort();
    const always = ['Service', 'ServiceAccount'];
    expect(kinds(EMBEDDED)).toEqual([...always, 'StatefulSet']);
    const fleet = ['Deployment', 'PodDisruptionBudget', 'Secret', ...always];
    expect(kinds(FLEET)).toEqual(fleet);
    expect(kinds([...FLEET, 'replicas=1'])).toEqual(fleet.filter((kind) => kind !== 'PodDisruptionBudget'));
    const optional = [
      'autoscaling.enabled=true',
      'networkPolicy.enabled=true',
      'serviceMonitor.enabled=true',
    ];
    const added = ['HorizontalPodAutoscaler', 'NetworkPolicy', 'ServiceMonitor'];
    expect(kinds([...FLEET, ...optional])).toEqual([...fleet, ...added].sort());
  });

  it('writes large numbers as the service reads them', () => {
    const rendered = render([...EMBEDDED, 'config.VEXIL_MAX_MANAGEMENT_BYTES=41943040']);
    const given = environmentOf(rendered.get('StatefulSet'));
    expect(given.VEXIL_MAX_MANAGEMENT_BYTES).toBe('41943040');
  });
});

/** Helm cannot be had from Debian or npm, so it is the one tool whose absence CI allows. */
function findHelm(): string | undefined {
  const places = (process.env.PATH ?? '').split(delimiter).map((directory) => join(directory, 'helm'));
  const found = [process.env.VEXIL_TEST_HELM ?? '', ...places].find(isExecutable);
  if (found === undefined)
    process.stderr.write(
      '\n*** SKIPPED: there is no helm on the PATH or in VEXIL_TEST_HELM, so the chart is not rendered. ***\n\n',
    );
  return found;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return path !== '';
  } catch {
    return false;
  }
}

function run(command: string, options: readonly string[], settings: readonly string[]): string {
  const set = settings.flatMap((setting) => ['--set', setting]);
  const args = [command, ...(command === 'template' ? ['flags'] : []), CHART];
  return execFileSync(helm ?? '', [...args, '--kube-version', '1.31.0', ...options, ...set], {
    encoding: 'utf8',
    stdio: 'pipe',
  });
}

/** What the chart makes of these settings: the last document of each kind. */
function render(settings: readonly string[]): Map<string, unknown> {
  const documents = parseAllDocuments(
    run('template', ['--api-versions', 'monitoring.coreos.com/v1'], settings),
  );
  const objects = documents.map((document): unknown => document.toJS()).filter(isRecord);
  return new Map(objects.map((object) => [String(object.kind), object]));
}

/** The variables of the container that have a value. */
function environmentOf(workload: unknown): Record<string, string> {
  const all = items(workload, 'spec', 'template', 'spec', 'containers', 0, 'env');
  const given = all.flatMap((entry) =>
    isRecord(entry) && entry.value !== undefined ? [[String(entry.name), String(entry.value)]] : [],
  );
  return Object.fromEntries(given);
}

/** Secrets by value in place of the files that are mounted in a pod, and nowhere else. */
function secretsIn(given: Readonly<Record<string, string>>): Record<string, string> {
  const values = { VEXIL_MONGODB_URI: 'mongodb://m', VEXIL_KEY_PEPPER: PEPPER, VEXIL_NATS_URL: 'nats://n' };
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) =>
      `${name}_FILE` in given
        ? [
            [`${name}_FILE`, ''],
            [name, value],
          ]
        : [],
    ),
  );
}
