import { idOf } from '../core/change.ts';
import { FlagError } from '../core/errors.ts';
import type { AccessKey } from '../core/model.ts';
import type { Clock } from '../ports/clock.ts';
import type { Catalog } from './catalog.ts';
import { hashSecret, parseToken } from './key-token.ts';
import { createProject } from './manage/projects.ts';
import { SYSTEM } from './principal.ts';
import type { Intent, Writer } from './writer.ts';

export interface BootstrapParts {
  readonly catalog: Catalog;
  readonly writer: Writer;
  readonly clock: Clock;
  readonly pepper: string;
  /** The token that the first admin key is to have; asked for only if one is needed, and kept by whoever gives it. */
  readonly adminToken: () => string;
  /** That token is nobody's: another replica was faster. */
  readonly forgetAdminToken: () => void;
}

const RETRY_MS = 1_000;
const FIRST_PROJECT = 'default';
const FIRST_ENVIRONMENTS = ['production', 'staging'];

/**
 * On the very first start: an admin key to the whole instance, and a project to begin with. Later on, and on every
 * other replica, nothing, also if all start at once. Resolves to whether the key was made here; tries again for as long
 * as the log cannot be reached.
 */
export async function bootstrap(parts: BootstrapParts): Promise<boolean> {
  const { catalog, clock } = parts;
  // Whoever starts from what was saved earlier is not the first.
  if (catalog.silenceMs() === Number.POSITIVE_INFINITY) return false;
  for (;;)
    try {
      return await tried(parts);
    } catch (error) {
      if (!(error instanceof FlagError) || error.kind !== 'unavailable') throw error;
      await new Promise<void>((resolve) => void clock.after(RETRY_MS, resolve));
    }
}

/** In a log that contradicts what is known here, nothing is made before somebody has looked at it. */
async function tried(parts: BootstrapParts): Promise<boolean> {
  const { catalog, writer } = parts;
  if (catalog.troubleOf(SYSTEM) !== undefined) return false;
  const isMade = (await catalog.catchUp(SYSTEM)).revision === 0 && (await makeFirstKey(parts));
  if (catalog.troubleOf(FIRST_PROJECT) !== undefined) return isMade;
  if ((await catalog.catchUp(FIRST_PROJECT)).revision === 0 && catalog.projects().length === 0) {
    const create = createProject({
      key: FIRST_PROJECT,
      name: 'Default',
      description: '',
      environments: FIRST_ENVIRONMENTS,
    });
    await writer.commit(intent(FIRST_PROJECT, 'project.create'), (state, now) =>
      state.revision > 0 ? { operations: [] } : create(state, now),
    );
  }
  return isMade;
}

async function makeFirstKey({
  writer,
  pepper,
  adminToken,
  forgetAdminToken,
}: BootstrapParts): Promise<boolean> {
  const token = parseToken(adminToken());
  if (token === undefined || token.kind !== 'admin') throw new Error('not the token of an admin key');
  const { operations } = await writer.commit(intent(SYSTEM, 'key.bootstrap'), (state, createdAt) => {
    if (state.revision > 0) return { operations: [] };
    const key: AccessKey = {
      id: token.id,
      kind: 'admin',
      name: 'first admin key',
      scopes: ['read', 'write', 'halt', 'keys'],
      allowedOrigins: [],
      secretHash: hashSecret(pepper, token.secret),
      createdAt,
    };
    return { operations: [{ op: 'put', object: { kind: 'key', state: key } }] };
  });
  const isMade = operations.some(
    (operation) => operation.op === 'put' && idOf(operation.object).key === token.id,
  );
  if (!isMade) forgetAdminToken();
  return isMade;
}

/** Of several replicas that start at once, one gets to do it: the idempotency key is the same on all. */
function intent(project: string, action: string): Intent {
  const idempotencyKey = `bootstrap:${action}`;
  return {
    project,
    action,
    actor: 'bootstrap',
    reason: 'first start',
    idempotencyKey,
    requestDigest: '',
    validateOnly: false,
    mayHalt: true,
  };
}
