import type { Timestamp } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import * as wire from '../../gen/vexil/v1/history_service_pb.ts';
import type { Adopted, Adoption } from '../app/adopt-history.ts';
import type { Catalog } from '../app/catalog.ts';
import type { ContextLimits } from '../app/decisions.ts';
import { evaluateIn } from '../app/evaluate-at.ts';
import type { ChangeFilter, History } from '../app/history.ts';
import { revertTo } from '../app/manage/revert.ts';
import { differencesBy } from '../app/object-differences.ts';
import { actorOf } from '../app/principal.ts';
import type { ProjectState } from '../app/project-state.ts';
import type { Writer } from '../app/writer.ts';
import { FlagError, invalid } from '../core/errors.ts';
import type { Instant } from '../core/model.ts';
import { contextFrom } from './convert/context.ts';
import { evaluateResponseOf } from './convert/decision.ts';
import { objectChangeMessage, revisionDetailMessage, revisionMessage } from './convert/history.ts';
import { traceMessage } from './convert/trace.ts';
import { checkedKey, parseEnvironment, parseLog, parseObject, parseProject, parseRevision } from './names.ts';
import { bindingOf, pageSizeOf, pageTokenOf, positionOf } from './paging.ts';
import { principalOf } from './principal-key.ts';
import { instantOf, timestampOf } from './timestamp.ts';
import { checkReason, intentOf, receiptOf } from './writes.ts';

const HASH_BYTES = 32;

type Service = ServiceImpl<typeof wire.HistoryService>;

export interface HistoryServiceDeps {
  readonly writer: Writer;
  readonly catalog: Catalog;
  readonly history: History;
  readonly contextLimits: ContextLimits;
  /** Takes the log of a project for the truth. */
  readonly adopt: (adoption: Adoption) => Promise<Adopted>;
}

export function historyService(deps: HistoryServiceDeps): Service {
  return {
    ...logMethods(deps),
    ...stateMethods(deps),
    revertToRevision: revertMethod(deps),
    adoptHistory: adoptMethod(deps),
  };
}

function logMethods({
  history,
  catalog,
}: HistoryServiceDeps): Pick<Service, 'listRevisions' | 'getRevision' | 'verifyHistory'> {
  return {
    async listRevisions(request) {
      const project = parseLog(request.parent, 'parent');
      const filter = filterFrom(request, project);
      const size = pageSizeOf(request.pageSize);
      const binding = bindingOf(wire.ListRevisionsRequestSchema, request);
      const below = request.pageToken === '' ? undefined : Number(positionOf(request.pageToken, binding));
      const { changes, next } = await history.list(project, filter, size, below);
      return {
        revisions: changes.map(revisionMessage),
        nextPageToken: next === undefined ? '' : pageTokenOf(String(next), binding),
      };
    },

    async getRevision(request, { signal }) {
      const { project, revision } = parseRevision(request.name, 'name');
      const { change, differences } = await history.change(project, revision, signal);
      return { revision: revisionDetailMessage(change, differences) };
    },

    async verifyHistory(request) {
      const project = parseLog(request.parent, 'parent');
      const known = catalog.everyState().find((state) => state.key === project);
      const { revisionsChecked, broken } = await history.verify(project, known);
      return {
        intact: broken === undefined,
        revisionsChecked: BigInt(revisionsChecked),
        ...(broken && { brokenRevision: BigInt(broken.revision), problem: broken.problem }),
      };
    },
  };
}

function stateMethods({
  history,
  contextLimits,
}: HistoryServiceDeps): Pick<Service, 'diffRevisions' | 'evaluateAt'> {
  return {
    async diffRevisions(request, { signal }) {
      const project = parseLog(request.parent, 'parent');
      const from = revisionFrom(request.fromRevision, 'from_revision');
      const to = revisionFrom(request.toRevision, 'to_revision') || (await history.head(project));
      const differences = await history.differences(project, from, to, signal);
      return {
        changes: differences.map((difference) => objectChangeMessage(project, difference)),
        fromRevision: BigInt(from),
        toRevision: BigInt(to),
      };
    },

    async evaluateAt(request, { signal }) {
      const { project, environment } = parseEnvironment(request.parent, 'parent');
      const flag = checkedKey(request.flagKey, 'flag_key');
      const context = contextFrom(request.context, contextLimits);
      const { state, time } = await momentOf(history, project, request.at, signal);
      const nowMs = Date.parse(time);
      const asked = { environment, flag, context, nowMs, explain: request.explain };
      const { outcome, steps } = evaluateIn(state, asked);
      const evaluation = evaluateResponseOf(outcome, state.revision);
      if (request.explain) evaluation.trace = traceMessage(steps);
      return { evaluation, time: timestampOf(time) };
    },
  };
}

function revertMethod({ writer, history }: HistoryServiceDeps): Service['revertToRevision'] {
  return async (request, context) => {
    const project = parseProject(request.parent, 'parent');
    const revision = revisionFrom(request.revision, 'revision');
    if (revision === 0) throw invalid([{ path: 'revision', message: 'is required' }]);
    const expectedHead = revisionFrom(request.expectedHead, 'expected_head') || undefined;
    const intent = intentOf(context, project, 'project.revert', wire.RevertToRevisionRequestSchema, request);
    const revert = revertTo(await history.stateAt(project, revision, context.signal), expectedHead);
    let plannedOn: ProjectState | undefined;
    const committed = await writer.commit(intent, (state, now) => {
      plannedOn = state;
      return revert(state, now);
    });
    // What was done is answered whoever else looks at the past; only a repeated call has to look there.
    const before = plannedOn ?? (await history.stateAt(project, committed.revision - 1));
    const differences = differencesBy(before, committed.operations);
    return {
      changes: differences.map((difference) => objectChangeMessage(project, difference)),
      receipt: receiptOf(committed),
    };
  };
}

function adoptMethod({ adopt }: HistoryServiceDeps): Service['adoptHistory'] {
  return async (request, context) => {
    const project = parseLog(request.parent, 'parent');
    const principal = principalOf(context);
    if (!principal.scopes.includes('halt'))
      throw new FlagError('forbidden', 'halts may begin or end by this: it needs the scope halt', {
        reason: 'SCOPE_MISSING',
        metadata: { scope: 'halt' },
      });
    if (request.headHash.length !== HASH_BYTES)
      throw invalid([{ path: 'head_hash', message: `must have ${HASH_BYTES} bytes` }]);
    checkReason(request.reason, 'reason');
    const headHash = Buffer.from(request.headHash).toString('hex');
    const { reason } = request;
    const adopted = await adopt({ project, headHash, actor: actorOf(principal), reason });
    return {
      revision: BigInt(adopted.revision),
      time: timestampOf(adopted.time),
      abandonedRevision: BigInt(adopted.abandons),
      replayed: adopted.replayed,
    };
  };
}

/** The state that was asked for, and the moment that it is to be evaluated at. */
async function momentOf(
  history: History,
  project: string,
  at: wire.EvaluateAtRequest['at'],
  signal: AbortSignal,
): Promise<{ state: ProjectState; time: Instant }> {
  switch (at.case) {
    case 'revision': {
      const state = await history.stateAt(project, revisionFrom(at.value, 'revision'), signal);
      if (state.revision === 0) throw invalid([{ path: 'revision', message: 'must be at least 1' }]);
      return { state, time: state.time };
    }
    case 'time': {
      const time = instantOf(at.value, 'time');
      return { state: await history.stateAtTime(project, time, signal), time };
    }
    case undefined:
      throw invalid([{ path: 'at', message: 'must be a revision or a time' }]);
  }
}

function filterFrom(request: wire.ListRevisionsRequest, project: string): ChangeFilter {
  const { object, action, actor, startTime, endTime } = request;
  return {
    ...(object !== '' && { object: objectFrom(object, project) }),
    ...(action !== '' && { action }),
    ...(actor !== '' && { actor }),
    ...instantField('from', startTime, 'start_time'),
    ...instantField('until', endTime, 'end_time'),
  };
}

function objectFrom(name: string, project: string) {
  const object = parseObject(name, 'object');
  if (object.project !== project) throw invalid([{ path: 'object', message: 'must be of the same project' }]);
  return object.id;
}

function instantField(name: 'from' | 'until', time: Timestamp | undefined, field: string) {
  return time === undefined ? {} : { [name]: instantOf(time, field) };
}

function revisionFrom(revision: bigint, field: string): number {
  if (revision < 0n || revision > BigInt(Number.MAX_SAFE_INTEGER))
    throw invalid([{ path: field, message: 'must be a revision' }]);
  return Number(revision);
}
