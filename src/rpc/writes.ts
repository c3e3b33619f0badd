import { createHash } from 'node:crypto';
import { clone, create, type DescMessage, type MessageShape, toBinary } from '@bufbuild/protobuf';
import {
  type ChangeOptions,
  type ChangeReceipt,
  ChangeReceiptSchema,
} from '../../gen/vexil/v1/changes_pb.ts';
import { actorOf, type Principal } from '../app/principal.ts';
import type { Committed, Intent } from '../app/writer.ts';
import { invalid, type Violation } from '../core/errors.ts';
import { timestampOf } from './timestamp.ts';

const IDEMPOTENCY_KEY = /^[\x21-\x7e]{0,128}$/;
/** Before the keys of callers in the log, so that they never meet the service's own. */
const OF_CALLER = 'call:';
const REASON_LENGTH = 2_000;

interface Write {
  options?: ChangeOptions | undefined;
}

/**
 * What a request wants written, besides the content. Two requests have the same digest exactly when they ask for
 * the same: who asks, the idempotency key and `validate_only` do not count.
 */
export function intentOf<Desc extends DescMessage>(
  principal: Principal,
  project: string,
  action: string,
  schema: Desc,
  request: MessageShape<Desc> & Write,
): Intent {
  const { reason = '', idempotencyKey = '', validateOnly = false } = request.options ?? {};
  const violations: Violation[] = [];
  if (!IDEMPOTENCY_KEY.test(idempotencyKey))
    violations.push({
      path: 'options.idempotency_key',
      message: 'must be at most 128 printable ASCII characters without spaces',
    });
  if (reason.length > REASON_LENGTH)
    violations.push({ path: 'options.reason', message: `must be at most ${REASON_LENGTH} characters` });
  if (violations.length > 0) throw invalid(violations);
  return {
    project,
    action,
    actor: actorOf(principal),
    reason,
    requestDigest: digestOf(action, schema, request),
    validateOnly,
    mayHalt: principal.scopes.includes('halt'),
    ...(idempotencyKey !== '' && { idempotencyKey: `${OF_CALLER}${idempotencyKey}` }),
  };
}

/** The key of a change as its caller sent it. */
export function idempotencyKeySent(stored: string): string {
  return stored.startsWith(OF_CALLER) ? stored.slice(OF_CALLER.length) : stored;
}

/** What became of a write, for whoever asked for it. */
export function receiptOf(committed: Committed): ChangeReceipt {
  return create(ChangeReceiptSchema, {
    revision: BigInt(committed.revision),
    ...(committed.time !== '' && { time: timestampOf(committed.time) }),
    replayed: committed.replayed,
    unchanged: committed.unchanged,
    warnings: [...committed.warnings],
  });
}

function digestOf<Desc extends DescMessage>(
  action: string,
  schema: Desc,
  request: MessageShape<Desc> & Write,
): string {
  const content = clone<Desc>(schema, request) as typeof request;
  if (content.options !== undefined) {
    content.options.idempotencyKey = '';
    content.options.validateOnly = false;
  }
  return createHash('sha256').update(action).update('\n').update(toBinary(schema, content)).digest('hex');
}
