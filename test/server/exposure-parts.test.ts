import { describe, expect, it } from 'vitest';
import { type StartConfig, startExposures } from '../../src/server/exposure-parts.ts';
import { ScriptedQueue } from '../app/exposures/scripted-queue.ts';
import { createExposureModel } from '../contract/exposure-model.ts';
import { temporaryDirectory } from '../contract/sqlite-stores.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const DAY_MS = 86_400_000;
const MONGO = { uri: 'mongodb://host', database: 'vexil' };
const NATS = { servers: ['nats://host'], prefix: 'vexil' };

/** What is reported at the start of a process, of what nobody does. */
async function reportsOf(given: Partial<StartConfig>, leads = true): Promise<string[]> {
  await using directory = await temporaryDirectory();
  const reports: string[] = [];
  const config: StartConfig = {
    roles: { evaluate: true, write: true },
    retention: { rowsMs: DAY_MS, minutesMs: DAY_MS, rollupsMs: DAY_MS },
    exposures: { bufferBytes: 2 ** 20, queueBytes: 2 ** 20 },
    fleet: undefined,
    ...given,
  };
  const needs = {
    ...{ catalog: { known: () => undefined }, pepper: 'pepper', process: 'run', clock: createFakeClock() },
    ...{ dataPath: directory.path, leads, report: (problem: string) => void reports.push(problem) },
  };
  const exposures = { queue: new ScriptedQueue(), store: createExposureModel() };
  const work = await startExposures(exposures, config, needs);
  await work?.close();
  return reports.filter((problem) => problem.startsWith('nobody'));
}

const EVALUATES = { evaluate: true, write: false };
const NOBODY_WRITES = [expect.stringMatching(/^nobody brings .* VEXIL_ROLES/)];

describe('a process that records', () => {
  it('says so at the start if nobody writes what is in its own queue', async () => {
    expect(await reportsOf({ roles: EVALUATES })).toEqual(NOBODY_WRITES);
    expect(await reportsOf({ roles: EVALUATES, fleet: { mongo: MONGO, nats: undefined } })).toEqual(
      NOBODY_WRITES,
    );
  });

  it('says nothing where others write, and where nothing is recorded', async () => {
    expect(await reportsOf({})).toEqual([]);
    expect(await reportsOf({ roles: EVALUATES, fleet: { mongo: MONGO, nats: NATS } })).toEqual([]);
    expect(await reportsOf({ roles: EVALUATES, exposures: undefined })).toEqual([]);
    expect(await reportsOf({ roles: EVALUATES }, false)).toEqual([]);
  });
});
