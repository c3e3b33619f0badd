import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import type { Client } from '../../gen/vexil/v1/evaluation_pb.ts';
import type { TelemetryService } from '../../gen/vexil/v1/telemetry_service_pb.ts';
import { snapshotAt } from '../app/environment-access.ts';
import type { Reported, ReportOutcome, Reports } from '../app/exposures/reports.ts';
import type { Principal } from '../app/principal.ts';
import { FlagError, invalid } from '../core/errors.ts';
import type { Mistakes } from './convert/reading.ts';
import { eventFrom, exposureFrom, type ReportPlace } from './convert/report.ts';
import type { EvaluationParts } from './evaluation-parts.ts';
import { checkClient, clientName, placeIn } from './hot/checked-query.ts';
import { principalOf } from './principal-key.ts';

export interface TelemetryServiceDeps {
  readonly evaluation: Pick<EvaluationParts, 'catalog' | 'clock' | 'contextLimits'>;
  /** Undefined: nothing is recorded. */
  readonly reports: Reports | undefined;
}

const MOST_ITEMS = 1_000;
const LONGEST_PATIENCE_MS = 5_000;
/** Of the time that a caller has, so that it hears why it was not enough. */
const PATIENCE_SHARE = 0.8;

type Read<Item> = (item: Item, place: ReportPlace, mistakes: Mistakes) => Reported | undefined;

/** TelemetryService: takes what is reported, item by item, and answers when it is durable. */
export function telemetryService(deps: TelemetryServiceDeps): ServiceImpl<typeof TelemetryService> {
  return {
    reportExposures: (request, context) =>
      take(deps, context, request, 'exposures', request.exposures, exposureFrom),
    reportEvents: (request, context) => take(deps, context, request, 'events', request.events, eventFrom),
  };
}

async function take<Item>(
  { evaluation, reports }: TelemetryServiceDeps,
  call: HandlerContext,
  request: { readonly environment: string; readonly client?: Client | undefined },
  field: string,
  items: readonly Item[],
  read: Read<Item>,
) {
  const principal = principalOf(call);
  const place = placeIn(principal, request.environment);
  checkMayReport(principal);
  checkClient(request.client);
  checkCount(items.length, field);
  const snapshot = snapshotAt(evaluation.catalog, place);
  const isWeb = principal.kind === 'web';
  const heldAgainst: ReportPlace = {
    ...{ now: evaluation.clock.now(), revision: snapshot.revision, limits: evaluation.contextLimits },
    client: clientName(request.client),
    flag: (key) => {
      const flag = snapshot.flags.get(key);
      return isWeb && flag?.clientVisible !== true ? undefined : flag;
    },
  };
  const state = evaluation.catalog.state(place.project).environments.get(place.environment)?.state;
  if (reports === undefined || state?.recording?.disabled === true) throw recordingOff();
  const { good, rejected } = readAll(items, heldAgainst, read);
  const patienceMs = Math.min(LONGEST_PATIENCE_MS, (call.timeoutMs() ?? Infinity) * PATIENCE_SHARE);
  return answer(await reports.take(place, good, patienceMs, isWeb), rejected);
}

function readAll<Item>(items: readonly Item[], place: ReportPlace, read: Read<Item>) {
  const good: Reported[] = [];
  const rejected: { index: number; field: string; description: string }[] = [];
  for (const [index, item] of items.entries()) {
    const mistakes: Mistakes = [];
    const reported = read(item, place, mistakes);
    if (reported !== undefined) good.push(reported);
    for (const { path, message } of mistakes) rejected.push({ index, field: path, description: message });
  }
  return { good, rejected };
}

function answer(
  { accepted, repeated }: ReportOutcome,
  rejected: { index: number; field: string; description: string }[],
) {
  return { acceptedCount: accepted, repeatedCount: repeated, rejected };
}

/** Any server or web key may, for its own environment. */
function checkMayReport({ kind, scopes }: Principal): void {
  if (kind === 'admin' && !scopes.includes('write'))
    throw new FlagError('forbidden', 'this needs an admin key with the scope write', {
      reason: 'SCOPE_MISSING',
      metadata: { scope: 'write' },
    });
}

function checkCount(count: number, field: string): void {
  if (count === 0) throw invalid([{ path: field, message: 'must not be empty' }]);
  if (count > MOST_ITEMS)
    throw new FlagError('exhausted', `${field}: more than ${MOST_ITEMS}`, { reason: 'TOO_MANY_ITEMS' });
}

function recordingOff(): FlagError {
  return new FlagError('failed_precondition', 'nothing is recorded here', { reason: 'RECORDING_OFF' });
}
