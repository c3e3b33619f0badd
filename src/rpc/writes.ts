import { createHash } from 'node:crypto';
import { clone, create, type DescMessage, type MessageShape, toBinary } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import {
  type ChangeOptions,
  type ChangeReceipt,
  ChangeReceiptSchema,
} from '../../gen/vexil/v1/changes_pb.ts';
import { actorOf } from '../app/principal.ts';
import type { Committed, Intent } from '../app/writer.ts';
import { invalid, type Violation } from '../core/errors.ts';
import { fleetProgressMessage } from './convert/fleet.ts';
import { principalOf } from './principal-key.ts';
import { timestampOf } from './timestamp.ts';

const IDEMPOTENCY_KEY = /^[\x21-\x7e]{0,128}$/;
/** Before the keys of callers in the log, so that they never meet the service's own. */
const OF_CALLER = 'call:';
const REASON_LENGTH = 2_000;
const LONGEST_FLEET_WAIT_MS = 20_000;
/** Before its deadline, for the way of an answer. */
const ANSWER_MS = 250;

interface Write {
  options?: ChangeOptions | undefined;
}

/**
 * What a request wants written, besides the content. Two requests have the same digest exactly when they ask for
 * the same: who asks, the idempotency key, `validate_only` and how long to wait do not count.
 */
export function intentOf<Desc extends DescMessage>(
  context: HandlerContext,
  project: string,
  action: string,
  schema: Desc,
  request: MessageShape<Desc> & Write,
): Intent {
  const principal = principalOf(context);
  const {
    reason = '',
    idempotencyKey = '',
    validateOnly = false,
    waitForFleetMs = 0,
  } = request.options ?? {};
  const violations: Violation[] = [];
  if (!IDEMPOTENCY_KEY.test(idempotencyKey))
    violations.push({
      path: 'options.idempotency_key',
      message: 'must be at most 128 printable ASCII characters without spaces',
    });
  if (reason.length > REASON_LENGTH)
    violations.push({ path: 'options.reason', message: `must be at most ${REASON_LENGTH} characters` });
  if (waitForFleetMs > LONGEST_FLEET_WAIT_MS)
    violations.push({
      path: 'options.wait_for_fleet_ms',
      message: `must be at most ${LONGEST_FLEET_WAIT_MS}`,
    });
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
    ...(waitForFleetMs > 0 && { fleetWait: fleetWaitOf(context, waitForFleetMs) }),
  };
}

/** Rejects as `invalid` a reason that is too long for the log. */
export function checkReason(reason: string, path: string): void {
  if (reason.length > REASON_LENGTH)
    throw invalid([{ path, message: `must be at most ${REASON_LENGTH} characters` }]);
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
    ...(committed.fleet !== undefined && { fleet: fleetProgressMessage(committed.fleet) }),
  });
}

/** The wait ends early enough for the call to be answered in time. */
function fleetWaitOf(
  { signal, timeoutMs }: HandlerContext,
  askedMs: number,
): NonNullable<Intent['fleetWait']> {
  const remainingMs = () => (timeoutMs() ?? Number.POSITIVE_INFINITY) - ANSWER_MS;
  return { signal, timeoutMs: () => Math.min(askedMs, remainingMs()) };
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
    content.options.waitForFleetMs = 0;
  }
  return createHash('sha256').update(action).update('\n').update(toBinary(schema, content)).digest('hex');
}
