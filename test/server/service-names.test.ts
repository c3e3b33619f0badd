import { expect, it } from 'vitest';
import { SERVICES } from '../../src/server/routes.ts';
import { SERVICE_NAMES } from '../../src/server/service-names.ts';

it('the names for health checks are those of the services', () => {
  expect(SERVICE_NAMES).toEqual(SERVICES.map(({ typeName }) => typeName));
});
