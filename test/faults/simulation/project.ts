import { hashOf } from '../../../src/app/change-hash.ts';
import { createKey } from '../../../src/app/manage/keys.ts';
import { createProject } from '../../../src/app/manage/projects.ts';
import { createSegment } from '../../../src/app/manage/segments.ts';
import type { Principal } from '../../../src/app/principal.ts';
import { applyChange, emptyState } from '../../../src/app/project-state.ts';
import type { Plan } from '../../../src/app/writer.ts';
import type { ChangeLog } from '../../../src/ports/change-log.ts';
import { LASTING_FLAGS, SEGMENT } from '../clients/wishes.ts';
import { newFlag } from './plans.ts';

export const PLACE = { project: 'shop', environment: 'production' } as const;

const ADMIN: Principal = {
  ...{ keyId: 'admin', kind: 'admin', project: PLACE.project, environment: undefined },
  ...{ scopes: ['read', 'write', 'halt', 'keys'], allowedOrigins: [], expiresAt: Number.POSITIVE_INFINITY },
};

/** Whoever watches in the simulation. */
export const PRINCIPAL: Principal = {
  ...{ keyId: 'server1', kind: 'server', project: PLACE.project, environment: PLACE.environment },
  ...{ scopes: [], allowedOrigins: [], expiresAt: Number.POSITIVE_INFINITY },
};

/** Writes how the project begins; its revision. */
export async function begin(log: ChangeLog): Promise<number> {
  const plans: Plan[] = [
    createProject({
      ...{ key: PLACE.project, name: '', description: '' },
      environments: [PLACE.environment, 'staging'],
    }),
    createKey(
      {
        ...{ id: 'server1', kind: 'server', name: '', environment: PLACE.environment, scopes: [] },
        ...{ allowedOrigins: [], secretHash: 'aa' },
      },
      ADMIN,
    ),
    createSegment({ key: SEGMENT, name: '', description: '', included: [], excluded: [] }),
    ...LASTING_FLAGS.map((flag) => newFlag(flag, PLACE.environment)),
  ];
  let state = emptyState(PLACE.project);
  for (const plan of plans) {
    const time = '2026-01-01T00:00:00.000Z';
    const unsealed = {
      ...{ format: 1 as const, project: PLACE.project, revision: state.revision + 1, action: 'begin' },
      ...{
        actor: 'key:admin',
        reason: '',
        time,
        idempotencyKey: `begin-${state.revision}`,
        requestDigest: '',
      },
      ...{ operations: plan(state, time).operations, previousHash: state.hash },
    };
    const change = { ...unsealed, hash: hashOf(unsealed) };
    await log.append(change);
    state = applyChange(state, change);
  }
  return state.revision;
}
