import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { callsOf } from '../support/calls.ts';
import { fetchCaller } from '../support/fetch-caller.ts';
import { metricOf } from '../support/metrics.ts';
import { startServer } from '../support/server-process.ts';
import { newFlag, newKey, newProject } from './tour/tour.ts';

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

async function directoryOf(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'vexil-roles-'));
  open.push({ [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) });
  return path;
}

async function serve(dataDir: string, roles: string) {
  const server = await startServer({ dataDir, env: { VEXIL_ROLES: roles } });
  open.push(server);
  return server;
}

describe('roles', { timeout: 60_000 }, () => {
  it('leave what was recorded in the queue until somebody has the role to write', async () => {
    const dataDir = await directoryOf();
    const evaluator = await serve(dataDir, 'evaluate');
    const calls = callsOf(fetchCaller(evaluator.url), evaluator.adminToken);
    const project = await newProject(calls, 'roles');
    const environment = `${project}/environments/production`;
    const token = await newKey(calls, project, { kind: 'KEY_KIND_SERVER', environment });
    await newFlag(calls, project, 'flag');
    for (const targetingKey of ['anna', 'bert', 'cleo'])
      await calls.as(token).ok('EvaluationService/Evaluate', { flagKey: 'flag', context: { targetingKey } });
    const published = () => metricOf(evaluator.managementUrl, 'vexil_exposures_published_total');
    await vi.waitFor(async () => expect(await published()).toBeGreaterThan(0), 10_000);
    await expect(metricOf(evaluator.managementUrl, 'vexil_exposures_stored_total')).rejects.toThrow();
    await evaluator.stop();

    const writer = await serve(dataDir, 'write');
    const stored = () => metricOf(writer.managementUrl, 'vexil_exposures_stored_total');
    await vi.waitFor(async () => expect(await stored()).toBe(3), 10_000);
    expect(writer.url).toBe('undefined');
    expect((await fetch(`${writer.managementUrl}/readyz`)).status).toBe(200);
    await writer.stop();
  });
});
