import { createFlag } from '../../src/app/manage/flags.ts';
import { createKey, type NewKey } from '../../src/app/manage/keys.ts';
import { createProject } from '../../src/app/manage/projects.ts';
import { haltFlag } from '../../src/app/manage/settings.ts';
import type { Principal } from '../../src/app/principal.ts';
import type { Plan } from '../../src/app/writer.ts';
import type { Instance } from './instance.ts';

/** Where most tests happen: a project `shop`, its environment, and who may do what there. */

export const PLACE = { project: 'shop', environment: 'production' };

/** May do everything in the shop. */
export const ADMIN: Principal = {
  ...{ keyId: 'admin', kind: 'admin', project: PLACE.project, environment: undefined },
  ...{ scopes: ['read', 'write', 'halt', 'keys'], allowedOrigins: [], expiresAt: Number.POSITIVE_INFINITY },
};

/** A caller with the key that `createServerKey` makes. */
export const SERVER: Principal = { ...ADMIN, ...PLACE, keyId: 'server1', kind: 'server', scopes: [] };

export const SERVER_KEY: NewKey = {
  ...{ id: SERVER.keyId, kind: 'server', name: '', environment: PLACE.environment, scopes: [] },
  ...{ allowedOrigins: [], secretHash: 'aa' },
};

export const createServerKey: Plan = createKey(SERVER_KEY, ADMIN);

/** Makes the shop with flags that are on: a revision for it, and one for each of them. */
export async function fillShop(
  { instance }: { readonly instance: Instance },
  ...flags: readonly string[]
): Promise<void> {
  const { project, environment } = PLACE;
  const environments = [environment];
  await instance.commit(project, createProject({ key: project, name: '', description: '', environments }));
  for (const key of flags) await instance.commit(project, createFlag(onFlag(key)));
}

/** A new flag that serves `on`. */
export function onFlag(key: string) {
  return {
    ...{ key, name: '', description: '', tags: [], owner: '', type: 'boolean' as const },
    ...{ status: 'active' as const, clientVisible: false, temporary: false },
    variations: [
      { key: 'on', value: true },
      { key: 'off', value: false },
    ],
    ...{ defaultVariation: 'on', enabledIn: [PLACE.environment] },
  };
}

/** Anna halts a flag there, because of a fire. */
export function halt(flag: string): Plan {
  return haltFlag({ ...PLACE, flag }, { by: 'anna', reason: 'fire' });
}
