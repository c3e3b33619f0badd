import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { AnalyticsService } from '../../gen/vexil/v1/analytics_service_pb.ts';
import type { FlagSettings, Guard, Rule } from '../../gen/vexil/v1/definitions_pb.ts';
import { FlagService } from '../../gen/vexil/v1/flag_service_pb.ts';
import { describeFailure } from './failures.ts';
import { keyOf, projectOf } from './names.ts';
import type { Session } from './session.ts';
import type { Fared, GuardSight } from './view/guard.ts';

const { method } = AnalyticsService;

/** What a guard sees at the moment of those whom its rule and others serve. Does not reject: it may not see anything. */
export async function sightOf(session: Session, settings: FlagSettings, rule: Rule): Promise<GuardSight> {
  const { guard, guardState } = rule;
  if (guard === undefined || guardState?.sinceTime === undefined) return { kind: 'none' };
  const now = Date.now();
  const since = timestampDate(guardState.sinceTime).getTime();
  const startTime = timestampFromDate(new Date(Math.max(since, now - guard.windowS * 1_000)));
  try {
    const seen = { name: settings.name, startTime };
    const served = await howTheyFared(session, guard, { ...seen, ruleId: rule.id });
    const all = await howTheyFared(session, guard, seen);
    const byDefault = settings.defaultVariation || (await defaultOf(session, settings.name));
    return { kind: 'seen', served, all, byDefault };
  } catch (error) {
    return { kind: 'unseen', why: describeFailure(error, session.settings).lines[0] ?? '' };
  }
}

/** Warns if nobody who got the flag lately had the event that a guard is to go by: its name may be wrong. */
export async function warnOfUnknownEvent(session: Session, name: string, { event }: Guard): Promise<void> {
  if (event === '') return;
  try {
    const { variations } = await session.call(method.getFlagConversions, { name, event });
    if (variations.some(({ events }) => events > 0n)) return;
  } catch {
    // The guard is set, whoever may see numbers.
    return;
  }
  session.print.warn(
    `nobody who got ${keyOf(name)} within 7 days had the event "${event}": as long as it is not reported by this very name, the guard sees none`,
  );
}

async function howTheyFared(
  session: Session,
  { event }: Guard,
  seen: { name: string; startTime: FlagSettings['updateTime']; ruleId?: string },
): Promise<Fared[]> {
  if (event !== '') {
    const { variations } = await session.call(method.getFlagConversions, { ...seen, event });
    return variations.map(({ variation, subjects, convertedSubjects }) => ({
      ...{ variation, people: Number(subjects), hits: Number(convertedSubjects) },
    }));
  }
  const { health } = await session.call(method.getFlagHealth, seen);
  return (health?.variations ?? []).map(({ variation, subjects, affectedSubjects }) => ({
    ...{ variation, people: Number(subjects), hits: Number(affectedSubjects) },
  }));
}

async function defaultOf(session: Session, settingsName: string): Promise<string> {
  const name = `${projectOf(settingsName)}/flags/${keyOf(settingsName)}`;
  const { flag } = await session.call(FlagService.method.getFlag, { name });
  return flag?.defaultVariation ?? '';
}
