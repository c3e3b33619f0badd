import { clone, create } from '@bufbuild/protobuf';
import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import type * as wire from '../../gen/vexil/v1/analytics_service_pb.ts';
import { type Rule as RuleMessage, RuleSchema, ServeSchema } from '../../gen/vexil/v1/definitions_pb.ts';
import {
  type Candidate,
  candidateOf,
  formerCandidate,
  otherRule,
  otherSettings,
} from '../app/analytics/candidate.ts';
import { draftRule } from '../app/analytics/draft-rule.ts';
import { previewReach, type ReachQuery } from '../app/analytics/reach.ts';
import { allDependence, type Definitions, dependenceOf } from '../app/analytics/read-attributes.ts';
import { previewChange } from '../app/analytics/what-if.ts';
import { snapshotAt } from '../app/environment-access.ts';
import { existingEnvironment } from '../app/manage/existing.ts';
import { deleteRule } from '../app/manage/rules.ts';
import { type ProjectState, settingsOf } from '../app/project-state.ts';
import type { Plan } from '../app/writer.ts';
import { invalid } from '../core/errors.ts';
import { DEFAULT_RECORDING } from '../core/model.ts';
import type { Snapshot } from '../core/snapshot.ts';
import { DAY_MS } from '../core/time.ts';
import type { Clock } from '../ports/clock.ts';
import { expectFlag, periodFrom } from './analytics-place.ts';
import { type AnalyticsServiceDeps, recordedIn } from './analytics-service.ts';
import { changePreviewResponse, reachPreviewResponse } from './convert/preview.ts';
import { present } from './convert/reading.ts';
import { ruleFrom } from './convert/rule.ts';
import { settingsFrom } from './convert/settings.ts';
import { checkedKey, parseEnvironment, parseSettings, settingsName } from './names.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { instantOf } from './timestamp.ts';

type Service = ServiceImpl<typeof wire.AnalyticsService>;
type Previews = Pick<Service, 'previewReach' | 'previewChange'>;

const SAMPLE_SIZE = 10_000;
const MAX_SAMPLE_SIZE = 20_000;
const EXAMPLES = 3;
const MAX_EXAMPLES = 20;
const MAX_WAITING = 16;

/** What would be if something were changed: nothing is. */
export function previewMethods(deps: AnalyticsServiceDeps): Previews {
  const inTurn = oneAtATime(deps.clock, 'TOO_MANY_PREVIEWS', MAX_WAITING);
  return { previewReach: inTurn(reachMethod(deps)), previewChange: inTurn(changeMethod(deps)) };
}

function reachMethod(deps: AnalyticsServiceDeps) {
  const { catalog, clock, limits } = deps;
  return async (request: wire.PreviewReachRequest, { signal }: HandlerContext) => {
    const place = parseEnvironment(request.parent, 'parent');
    const { project, environment } = place;
    const state = catalog.state(project);
    existingEnvironment(state, environment);
    const flag = request.flag === '' ? undefined : checkedKey(request.flag, 'flag');
    if (flag !== undefined) expectFlag(state, environment, flag);
    const of = flag === undefined ? undefined : settingsOf(state, environment, flag).state;
    const rule = ruleFrom(servingAnything(present(request.rule, 'rule')), 'rule');
    const draft = draftRule(state, environment, rule, of, limits);
    const query = {
      ...samplingFrom(request, state, environment, clock),
      ...{ draft, dependence: dependenceOf([draft.rule], draft.bucketBy, definitionsIn(state, environment)) },
      ...(flag !== undefined && { flag }),
    };
    const snapshot = snapshotAt(catalog, place);
    const preview = await previewReach(recordedIn(deps).store, snapshot, place, query, signal);
    return reachPreviewResponse(preview, query.recording.hashTargetingKeys);
  };
}

function changeMethod(deps: AnalyticsServiceDeps) {
  const { catalog, clock } = deps;
  return async (request: wire.PreviewChangeRequest, context: HandlerContext) => {
    const { project, environment, flag } = parseSettings(request.name, 'name');
    const place = { project, environment };
    const state = catalog.state(project);
    expectFlag(state, environment, flag);
    const today = snapshotAt(catalog, place);
    const sampling = samplingFrom(request, state, environment, clock);
    const examples = request.examples || EXAMPLES;
    if (examples > MAX_EXAMPLES)
      throw invalid([{ path: 'examples', message: `must be at most ${MAX_EXAMPLES}` }]);
    const candidate = await candidateFrom(deps, request, state, today, context);
    const dependence = allDependence(
      [state, candidate.state].map((each) => {
        const { state: settings } = settingsOf(each, environment, flag);
        return dependenceOf([settings], undefined, definitionsIn(each, environment));
      }),
    );
    const query = { ...sampling, flag, today, candidate: candidate.snapshot, dependence, examples };
    const preview = await previewChange(recordedIn(deps).store, place, query, context.signal);
    const warnings = [...candidate.warnings, ...preview.warnings];
    return changePreviewResponse(
      { ...preview, warnings },
      sampling.recording.hashTargetingKeys,
      today.revision,
    );
  };
}

async function candidateFrom(
  { history, clock, limits }: AnalyticsServiceDeps,
  { name, candidate }: wire.PreviewChangeRequest,
  state: ProjectState,
  today: Snapshot,
  { signal }: HandlerContext,
): Promise<Candidate> {
  const { project, environment, flag } = parseSettings(name, 'name');
  const at = { environment, flag };
  const now = new Date(clock.now()).toISOString();
  const planned = (plan: Plan) => candidateOf(state, today, at, plan, now, limits);
  switch (candidate.case) {
    case 'settings': {
      const own = settingsName(project, environment, flag);
      const { halt: _halt, ...sent } = candidate.value;
      if (sent.name !== '' && sent.name !== own)
        throw invalid([{ path: 'settings.name', message: `must be ${own}, or empty` }]);
      return planned(
        otherSettings(at, settingsFrom({ ...sent, name: own, scheduledChanges: [] }, 'settings')),
      );
    }
    case 'rule':
      return planned(otherRule(at, ruleFrom(candidate.value, 'rule')));
    case 'removeRuleId':
      return planned(deleteRule(at, candidate.value));
    case 'revision': {
      const revision = Number(candidate.value);
      if (!Number.isSafeInteger(revision) || revision < 1)
        throw invalid([{ path: 'revision', message: 'must be a revision' }]);
      return formerCandidate(await history.stateAt(project, revision, signal), environment);
    }
    case undefined:
      throw invalid([
        { path: 'candidate', message: 'must be one of settings, rule, remove_rule_id and revision' },
      ]);
  }
}

/** What it serves does not count, so it need not be said. */
function servingAnything(rule: RuleMessage): RuleMessage {
  if (rule.serve?.kind.case !== undefined) return rule;
  const complete = clone(RuleSchema, rule);
  complete.serve = create(ServeSchema, { kind: { case: 'variation', value: 'any' } });
  return complete;
}

function definitionsIn(state: ProjectState, environment: string): Definitions {
  return {
    segment: (key) => state.segments.get(key)?.state,
    settings: (flag) => settingsOf(state, environment, flag).state,
  };
}

function samplingFrom(
  request: wire.PreviewReachRequest | wire.PreviewChangeRequest,
  state: ProjectState,
  environment: string,
  clock: Clock,
): Omit<ReachQuery, 'draft' | 'dependence' | 'flag'> {
  const { time, segments, attributes } = request;
  const sampleSize = request.sampleSize || SAMPLE_SIZE;
  if (sampleSize > MAX_SAMPLE_SIZE)
    throw invalid([{ path: 'sample_size', message: `must be at most ${MAX_SAMPLE_SIZE}` }]);
  return {
    period: periodFrom(request, clock, 30 * DAY_MS),
    ...{ sampleSize, segments, attributes },
    recording: state.environments.get(environment)?.state.recording ?? DEFAULT_RECORDING,
    nowMs: time === undefined ? clock.now() : Date.parse(instantOf(time, 'time')),
  };
}
