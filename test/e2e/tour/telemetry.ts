import { expect } from 'vitest';
import { list } from '../../support/calls.ts';
import { newFlag, newKey, newProject, newReader, type Tour } from './tour.ts';

const NOT_THERE = { field: 'flag_key', description: 'there is no such flag' };

export async function telemetryTour({ calls, prefix }: Tour): Promise<void> {
  const parent = await newProject(calls, `${prefix}-telemetry`);
  await newFlag(calls, parent, 'checkout');
  await newFlag(calls, parent, 'banner', { clientVisible: true });
  const environment = `${parent}/environments/production`;
  const token = await newKey(calls, parent, { kind: 'KEY_KIND_SERVER', environment });
  const web = { kind: 'KEY_KIND_WEB', environment, allowedOrigins: ['*'] };
  const page = calls.as(await newKey(calls, parent, web));

  const context = { targetingKey: 'anna' };
  const exposure = { id: '1', flagKey: 'checkout', variation: 'on', context };
  const told = await calls.as(token).ok('TelemetryService/ReportExposures', { exposures: [exposure] });
  expect(told).toMatchObject({ acceptedCount: 1 });
  const seen = await page.ok('TelemetryService/ReportExposures', {
    exposures: [{ flagKey: 'banner', context }, { flagKey: 'checkout' }, { flagKey: 'nothing' }],
  });
  expect(seen).toMatchObject({ acceptedCount: 1 });
  expect(list(seen, 'rejected')).toMatchObject([
    { index: 1, ...NOT_THERE },
    { index: 2, ...NOT_THERE },
  ]);

  const events = [
    { name: 'order', value: 12.5, context },
    { name: 'crash', kind: 'EVENT_KIND_CRASH', context },
  ];
  expect(await page.ok('TelemetryService/ReportEvents', { events })).toMatchObject({ acceptedCount: 2 });
  expect(await calls.ok('TelemetryService/ReportEvents', { environment, events })).toMatchObject({
    acceptedCount: 2,
  });

  const nothing = { code: 'INVALID_ARGUMENT', fields: ['exposures'] } as const;
  await page.refused('TelemetryService/ReportExposures', { exposures: [] }, nothing);
  const reader = calls.as(await newReader(calls, parent));
  const noScope = { code: 'PERMISSION_DENIED', reason: 'SCOPE_MISSING' } as const;
  await reader.refused('TelemetryService/ReportEvents', { environment, events }, noScope);
}
