import { type Calls, text } from '../../support/calls.ts';
import { analyticsTour } from './analytics.ts';
import { evaluationTour } from './evaluation.ts';
import { flagsTour } from './flags.ts';
import { fleetTour } from './fleet.ts';
import { historyTour } from './history.ts';
import { keysTour } from './keys.ts';
import { projectsTour } from './projects.ts';
import { releasesTour } from './releases.ts';
import { rulesTour } from './rules.ts';
import { segmentsTour } from './segments.ts';
import { settingsTour } from './settings.ts';
import { telemetryTour } from './telemetry.ts';

/**
 * Tours go through the unary methods of a service, each at its best and at least once refused, with whatever
 * client they are given. Every tour makes a project of its own, named after `prefix`.
 */
export interface Tour {
  /** In the name of a key that may do everything. */
  readonly calls: Calls;
  readonly prefix: string;
}

export const TOURS: readonly (readonly [claim: string, run: (tour: Tour) => Promise<void>])[] = [
  ['makes, shows, archives and deletes projects and environments', projectsTour],
  ['makes, lists, changes, archives and deletes flags and variations', flagsTour],
  ['switches, halts and sets flags of an environment', settingsTour],
  ['changes rules, targets, prerequisites and schedules', rulesTour],
  ['makes, uses, archives and deletes segments', segmentsTour],
  ['makes, completes, rolls back and deletes releases', releasesTour],
  ['makes, limits and revokes keys', keysTour],
  ['tells, compares, verifies and reverts history', historyTour],
  ['waits for replicas and lists them', fleetTour],
  ['evaluates flags and shakes hands', evaluationTour],
  ['reports exposures and events', telemetryTour],
  ['sees what was evaluated, and what a change would do', analyticsTour],
];

/** A project with the environments `production` and `staging`; its resource name. */
export async function newProject(calls: Calls, id: string): Promise<string> {
  const { project } = { project: {}, ...(await calls.ok('ProjectService/CreateProject', { projectId: id })) };
  return text(project, 'name');
}

/** A boolean flag, off by default, that is enabled in production; its resource name. */
export async function newFlag(calls: Calls, parent: string, id: string, more: object = {}): Promise<string> {
  const flag = { type: 'FLAG_TYPE_BOOLEAN', ...more };
  const request = { parent, flagId: id, flag, enabledEnvironments: ['production'] };
  return text(await calls.ok('FlagService/CreateFlag', request), 'flag', 'name');
}

/** A key; its token. */
export async function newKey(calls: Calls, parent: string, key: object): Promise<string> {
  return text(await calls.ok('KeyService/CreateKey', { parent, key }), 'secret');
}

/** A key that may look at everything in a project and change nothing. */
export function newReader(calls: Calls, parent: string): Promise<string> {
  return newKey(calls, parent, { kind: 'KEY_KIND_ADMIN', displayName: 'reader', scopes: ['SCOPE_READ'] });
}

export const NO_WRITE_SCOPE = {
  code: 'PERMISSION_DENIED',
  reason: 'SCOPE_MISSING',
  metadata: { scope: 'write' },
} as const;
export const STALE = { code: 'ABORTED', reason: 'ETAG_MISMATCH' } as const;
/** Of something that was changed since. */
export const OLD_ETAG = '"1"';
