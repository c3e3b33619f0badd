import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mongoServerOrSkip } from '../../support/mongo-server.ts';
import { natsProgramOrSkip } from '../../support/nats-server.ts';
import { EXPOSURE_SCENARIOS } from './exposure-scenarios.ts';
import { type ExposureScene, openScene, performIn } from './exposure-scene.ts';
import { type ExposureWorld, startEmbeddedWorld, startSharedWorld } from './exposure-world.ts';

/** A few short runs; all of them, and longer, are `npm run test:faults`. */
const QUICK = { embedded: ['F33', 'F37', 'F38', 'F43'], shared: ['F34', 'F35', 'F36'] };
const mongoUri = await mongoServerOrSkip();
const natsProgram = natsProgramOrSkip();

function declare(kind: 'embedded' | 'shared', start: () => Promise<ExposureWorld>): void {
  let world: ExposureWorld;
  let scene: ExposureScene;

  beforeAll(async () => {
    world = await start();
    scene = await openScene(world);
  }, 90_000);
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const scenarios = [...EXPOSURE_SCENARIOS.values()].filter(({ name }) => QUICK[kind].includes(name));
  it.each(scenarios)(
    'accounts for everything while $fault ($name)',
    { timeout: 180_000 },
    async (scenario) => {
      const { violations } = await performIn(scene, scenario, 1);
      expect(violations).toEqual([]);
    },
  );
}

describe('recording on one machine', () => {
  declare('embedded', () => startEmbeddedWorld());
});

describe.skipIf(mongoUri === undefined || natsProgram === undefined)('recording in a fleet', () => {
  declare('shared', () => startSharedWorld({ mongoUri: mongoUri ?? '', natsProgram: natsProgram ?? '' }));
});
