import { expect } from 'vitest';
import { newFlag, newProject, newReader, type Tour } from './tour.ts';

export async function fleetTour({ calls, prefix }: Tour): Promise<void> {
  const parent = await newProject(calls, `${prefix}-fleet`);
  const flag = await newFlag(calls, parent, 'checkout');
  const name = flag.replace('/flags/', '/environments/production/flags/');

  const halt = { name, reason: 'too slow', options: { waitForFleetMs: 5_000 } };
  expect(await calls.ok('FlagService/HaltFlag', halt)).toMatchObject({
    receipt: {
      revision: '3',
      fleet: { complete: true, membersKnown: true, replicas: [{ revision: '3', reached: true }] },
    },
  });
  await calls.refused(
    'FlagService/HaltFlag',
    { name, options: { waitForFleetMs: 60_000 } },
    { code: 'INVALID_ARGUMENT', fields: ['options.wait_for_fleet_ms'] },
  );

  expect(await calls.ok('FleetService/ListReplicas', {})).toMatchObject({
    membersKnown: true,
    replicas: [{ answering: true, revisions: { [parent]: '3' } }],
  });
  const token = await newReader(calls, parent);
  const elsewhere = { code: 'PERMISSION_DENIED', reason: 'KEY_OF_ANOTHER_PROJECT' } as const;
  await calls.as(token).refused('FleetService/ListReplicas', {}, elsewhere);
}
