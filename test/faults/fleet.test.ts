import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mongoServerOrSkip } from '../support/mongo-server.ts';
import { natsProgramOrSkip } from '../support/nats-server.ts';
import { type Fleet, startFleet } from './fleet/fleet.ts';
import { scenarioNamed } from './scenarios/all.ts';
import { perform } from './scenarios/perform.ts';

/** A few short scenarios; the long run of all of them is `npm run test:faults`. */
const QUICK = ['storm', 'F2', 'F6', 'F9', 'F16', 'F29'].map(scenarioNamed);
const SEED = 20_261_121;
/** Machines that run tests may be slow: how soon is a question for the long run. */
const CONVERGE_MS = 15_000;

const mongoUri = await mongoServerOrSkip();
const natsProgram = natsProgramOrSkip();

describe.skipIf(mongoUri === undefined || natsProgram === undefined)(`a fleet (seed ${SEED})`, () => {
  let fleet: Fleet;

  beforeAll(async () => {
    fleet = await startFleet({ mongoUri: mongoUri ?? '', natsProgram: natsProgram ?? '', seed: SEED });
  }, 60_000);
  afterAll(async () => {
    await fleet?.[Symbol.asyncDispose]();
  });

  it.each(QUICK)('keeps every invariant while $fault ($name)', { timeout: 120_000 }, async (scenario) => {
    const options = { seed: SEED, stretch: 1, convergeWithinMs: CONVERGE_MS };
    const { violations } = await perform(fleet, scenario, options);
    expect(violations).toEqual([]);
  });
});
