import { plant } from './plant.ts';

/** `node --import <this file> …` runs the service with a queue that waits two seconds for whoever took something. */
const SHORT_LEASE_MS = 2_000;

plant({
  file: 'ports/parcel-check.ts',
  find: 'export const LEASE_MS = 60_000;',
  replace: `export const LEASE_MS = ${SHORT_LEASE_MS};`,
});
