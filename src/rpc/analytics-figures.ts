import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import * as wire from '../../gen/vexil/v1/analytics_service_pb.ts';
import { conversionsOf } from '../app/analytics/conversions.ts';
import { useOfFlags } from '../app/analytics/flag-use.ts';
import { healthOf } from '../app/analytics/health.ts';
import { evaluationHistory } from '../app/analytics/series.ts';
import { MOST_VARIATIONS } from '../app/analytics/share.ts';
import { FlagError, invalid } from '../core/errors.ts';
import { DAY_MS } from '../core/time.ts';
import { figuresOf, figuresOfFlag, periodFrom } from './analytics-place.ts';
import { type AnalyticsServiceDeps, recordedIn } from './analytics-service.ts';
import {
  conversionMessage,
  flagUses,
  healthMessage,
  seriesMessage,
  timeSteps,
  totalMessage,
  useMessage,
} from './convert/analytics.ts';
import { checkedKey, settingsName } from './names.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { bindingOf, pageOf } from './paging.ts';

type Service = ServiceImpl<typeof wire.AnalyticsService>;
type Figures = Pick<
  Service,
  'queryEvaluations' | 'listFlagActivity' | 'getFlagHealth' | 'listFlagHealth' | 'getFlagConversions'
>;

const UNUSED_DAYS = 30;
const MAX_UNUSED_DAYS = 3_650;
/** Each is worked out from all that was recorded of a flag in the period. */
const HEALTHS = 20;
const MAX_HEALTHS = 100;
/** Enough for a page of charts. */
const MAX_WAITING = 64;

type InTurn = ReturnType<typeof oneAtATime>;

/** Sums that tell nothing of anybody in particular, so server keys may see them too. */
export function figureMethods(deps: AnalyticsServiceDeps): Figures {
  const inTurn = oneAtATime(deps.clock, 'TOO_MANY_COUNTS', MAX_WAITING);
  return { ...useMethods(deps, inTurn), ...healthMethods(deps, inTurn) };
}

function useMethods(
  deps: AnalyticsServiceDeps,
  inTurn: InTurn,
): Pick<Figures, 'queryEvaluations' | 'listFlagActivity'> {
  const { catalog, clock } = deps;
  const history = historyMethod(deps);
  // Whoever asks for one flag is told of how many people.
  const historyInTurn = inTurn(history);
  return {
    async queryEvaluations(request, context) {
      figuresOf(catalog, context, request.parent);
      return await (request.flag === '' ? history : historyInTurn)(request, context);
    },

    async listFlagActivity(request, context) {
      const place = figuresOf(catalog, context, request.parent);
      const unusedDays = request.unusedDays || UNUSED_DAYS;
      if (unusedDays > MAX_UNUSED_DAYS)
        throw invalid([{ path: 'unused_days', message: `must be at most ${MAX_UNUSED_DAYS}` }]);
      const wanted = new Set(request.uses);
      const query = { ...periodFrom(request, clock, 30 * DAY_MS), unusedDays };
      const state = catalog.state(place.project);
      const { uses, warnings } = await useOfFlags(recordedIn(deps).store, state, place, query);
      const shown = uses.filter(({ use }) => wanted.size === 0 || wanted.has(flagUses.toWire(use)));
      const binding = bindingOf(wire.ListFlagActivityRequestSchema, request);
      const { items, nextPageToken, total } = pageOf(shown, ({ flag }) => flag, request, binding);
      const flags = items.map((use) => useMessage(place, use));
      return { flags, nextPageToken, totalSize: total, warnings: [...warnings] };
    },
  };
}

function historyMethod(deps: AnalyticsServiceDeps) {
  const { catalog, clock } = deps;
  return async (request: wire.QueryEvaluationsRequest, context: HandlerContext) => {
    const place = figuresOf(catalog, context, request.parent);
    const step = stepFrom(request.step);
    const flag = request.flag === '' ? undefined : checkedKey(request.flag, 'flag');
    const asked = {
      ...periodFrom(request, clock, DAY_MS),
      ...(step !== undefined && { step }),
      ...(flag !== undefined && { flag }),
    };
    const history = await evaluationHistory(recordedIn(deps).store, place, asked);
    return {
      series: history.series.map(seriesMessage),
      totals: history.totals.map(totalMessage),
      step: timeSteps.toWire(history.step),
      startTime: timestampFromMs(history.period.from),
      endTime: timestampFromMs(history.period.to),
    };
  };
}

/** Whoever may not see it does not wait for it either. */
function healthMethods(
  deps: AnalyticsServiceDeps,
  inTurn: InTurn,
): Pick<Figures, 'getFlagHealth' | 'listFlagHealth' | 'getFlagConversions'> {
  const { catalog } = deps;
  const health = inTurn(healthMethod(deps));
  const healths = inTurn(healthsMethod(deps));
  const conversions = inTurn(conversionsMethod(deps));
  return {
    async getFlagHealth(request, context) {
      figuresOfFlag(catalog, context, request.name);
      return await health(request, context);
    },
    async listFlagHealth(request, context) {
      figuresOf(catalog, context, request.parent);
      return await healths(request, context);
    },
    async getFlagConversions(request, context) {
      figuresOfFlag(catalog, context, request.name);
      return await conversions(request, context);
    },
  };
}

function healthMethod(deps: AnalyticsServiceDeps) {
  const { catalog, clock } = deps;
  return async (request: wire.GetFlagHealthRequest, context: HandlerContext) => {
    const { place, flag } = figuresOfFlag(catalog, context, request.name);
    const period = periodFrom(request, clock, DAY_MS);
    const query = { ...period, flag, ...(request.ruleId !== '' && { ruleId: request.ruleId }) };
    const variations = await healthOf(recordedIn(deps).store, place, query);
    const name = settingsName(place.project, place.environment, flag);
    return { health: healthMessage(name, flag, variations, period, MOST_VARIATIONS) };
  };
}

function conversionsMethod(deps: AnalyticsServiceDeps) {
  const { catalog, clock } = deps;
  return async (request: wire.GetFlagConversionsRequest, context: HandlerContext) => {
    const { place, flag } = figuresOfFlag(catalog, context, request.name);
    const { event, ruleId } = request;
    if (event === '') throw invalid([{ path: 'event', message: 'is required' }]);
    const period = periodFrom(request, clock, 7 * DAY_MS);
    const query = { ...period, flag, event, ...(ruleId !== '' && { ruleId }) };
    const { variations, leftOut } = await conversionsOf(recordedIn(deps).store, place, query);
    return {
      variations: variations.map(conversionMessage),
      startTime: timestampFromMs(period.from),
      endTime: timestampFromMs(period.to),
      leftOut,
    };
  };
}

function healthsMethod(deps: AnalyticsServiceDeps) {
  const { catalog, clock } = deps;
  return async (request: wire.ListFlagHealthRequest, context: HandlerContext) => {
    const place = figuresOf(catalog, context, request.parent);
    const period = periodFrom(request, clock, DAY_MS);
    const { store } = recordedIn(deps);
    const { flags } = catalog.state(place.project);
    const seen = await store.activity(place, period);
    const known = seen.filter(({ flag, lastAt }) => lastAt >= period.from && flags.has(flag));
    const binding = bindingOf(wire.ListFlagHealthRequestSchema, request);
    const { pageToken } = request;
    const asked = { pageToken, pageSize: Math.min(request.pageSize || HEALTHS, MAX_HEALTHS) };
    const { items, nextPageToken, total } = pageOf(known, ({ flag }) => flag, asked, binding);
    const healths: wire.FlagHealth[] = [];
    for (const { flag } of items) {
      expectWaiting(context);
      const variations = await healthOf(store, place, { ...period, flag });
      const name = settingsName(place.project, place.environment, flag);
      healths.push(healthMessage(name, flag, variations, period, 1));
    }
    return { flags: healths, nextPageToken, totalSize: total };
  };
}

function stepFrom(step: wire.TimeStep) {
  const known = timeSteps.fromWire(step);
  if (known === undefined && step !== wire.TimeStep.UNSPECIFIED)
    throw invalid([{ path: 'step', message: 'is not a known step' }]);
  return known;
}

function expectWaiting({ signal }: HandlerContext): void {
  if (signal.aborted) throw new FlagError('cancelled', 'nobody waits for the answer');
}
