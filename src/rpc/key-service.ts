import type { ServiceImpl } from '@connectrpc/connect';
import * as wire from '../../gen/vexil/v1/key_service_pb.ts';
import type { Catalog } from '../app/catalog.ts';
import { hashSecret, mintToken, type RandomBytes } from '../app/key-token.ts';
import { existingKey } from '../app/manage/existing.ts';
import { createKey, revokeKey, updateKey } from '../app/manage/keys.ts';
import { SYSTEM } from '../app/principal.ts';
import type { Committed, Writer } from '../app/writer.ts';
import { changedObject, putObjects } from './changed.ts';
import { changeableKeyContentFrom, keyContentFrom, keyMessage } from './convert/key.ts';
import { present } from './convert/reading.ts';
import { versionOf } from './etag.ts';
import { maskedPaths } from './field-mask.ts';
import { parseEnvironment, parseKey, parseProject } from './names.ts';
import { bindingOf, pageOf } from './paging.ts';
import { principalOf } from './principal-key.ts';
import { intentOf, receiptOf } from './writes.ts';

type Service = ServiceImpl<typeof wire.KeyService>;
type Reads = Pick<Service, 'getKey' | 'listKeys'>;

export interface KeyServiceDeps {
  readonly writer: Writer;
  readonly catalog: Catalog;
  /** Mixed into the hash of every secret; the same on every replica, for ever. */
  readonly pepper: string;
  readonly random: RandomBytes;
}

const CHANGEABLE = ['display_name', 'allowed_origins', 'expire_time'];

export function keyService(deps: KeyServiceDeps): Service {
  return {
    ...readMethods(deps.catalog),
    ...writeMethods(deps.writer),
    createKey: createMethod(deps),
  };
}

function readMethods(catalog: Catalog): Reads {
  return {
    getKey(request) {
      const { project, id } = parseKey(request.name, 'name');
      return { key: keyMessage(project, existingKey(catalog.state(project), id)) };
    },

    listKeys(request) {
      const project = ownerOf(request.parent);
      const environment =
        request.environment === '' ? undefined : parseEnvironment(request.environment, 'environment');
      const shown = [...catalog.state(project).keys.values()].filter(
        ({ state: key }) =>
          (request.showRevoked || key.revokedAt === undefined) &&
          (environment === undefined ||
            (environment.project === project && environment.environment === key.environment)),
      );
      const binding = bindingOf(wire.ListKeysRequestSchema, request);
      const { items, nextPageToken } = pageOf(shown, ({ state }) => state.id, request, binding);
      return { keys: items.map((stored) => keyMessage(project, stored)), nextPageToken };
    },
  };
}

/** The secret is in the answer to the call that made the key, and nowhere else. */
function createMethod({ writer, pepper, random }: KeyServiceDeps): Service['createKey'] {
  return async (request, context) => {
    const principal = principalOf(context);
    const project = ownerOf(request.parent);
    const content = keyContentFrom(present(request.key, 'key'), 'key', project);
    const { token, id, secret } = mintToken(content.kind, random);
    const intent = intentOf(context, project, 'key.create', wire.CreateKeyRequestSchema, request);
    const plan = createKey({ ...content, id, secretHash: hashSecret(pepper, secret) }, principal);
    const committed = await writer.commit(intent, plan);
    const made = putObjects(committed, 'key')[0]?.id ?? id;
    const { key, receipt } = answer(project, made, committed);
    if (committed.replayed)
      receipt.warnings.push('the secret was in the answer to the first call and cannot be shown again');
    const shown = !committed.replayed && !committed.unchanged;
    return { key, receipt, ...(shown && { secret: token }) };
  };
}

function writeMethods(writer: Writer): Pick<Service, 'updateKey' | 'revokeKey'> {
  return {
    async updateKey(request, context) {
      const principal = principalOf(context);
      const message = present(request.key, 'key');
      const { project, id } = parseKey(message.name, 'key.name');
      const masked = maskedPaths(wire.KeySchema, message, request.updateMask, CHANGEABLE);
      const { name, allowedOrigins, expiresAt } = changeableKeyContentFrom(message, 'key');
      const fields = {
        ...(masked.has('display_name') && { name }),
        ...(masked.has('allowed_origins') && { allowedOrigins }),
        ...(masked.has('expire_time') && { expiresAt }),
      };
      const intent = intentOf(context, project, 'key.update', wire.UpdateKeyRequestSchema, request);
      const plan = updateKey(id, fields, principal, versionOf(message.etag, 'key.etag'));
      return answer(project, id, await writer.commit(intent, plan));
    },

    async revokeKey(request, context) {
      const principal = principalOf(context);
      const { project, id } = parseKey(request.name, 'name');
      const intent = intentOf(context, project, 'key.revoke', wire.RevokeKeyRequestSchema, request);
      const plan = revokeKey(id, principal, versionOf(request.etag, 'etag'));
      return answer(project, id, await writer.commit(intent, plan));
    },
  };
}

/** Whose log the key is in. Without a parent it is the instance's. */
function ownerOf(parent: string): string {
  return parent === '' ? SYSTEM : parseProject(parent, 'parent');
}

function answer(project: string, id: string, committed: Committed) {
  const stored = changedObject(committed, 'key', id);
  return { key: keyMessage(project, stored), receipt: receiptOf(committed) };
}
