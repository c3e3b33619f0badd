import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { Command } from 'commander';
import {
  type ScheduledChange,
  ScheduledChangeSchema,
  ScheduledRolloutSchema,
} from '../../../gen/vexil/v1/definitions_pb.ts';
import { FlagService, PendingChangeSchema } from '../../../gen/vexil/v1/flag_service_pb.ts';
import { asked, type ChangeFlags, changeOptions, changing } from '../change-flags.ts';
import { placeOf } from '../lifecycle.ts';
import { keyOf } from '../names.ts';
import { parsePercent } from '../parse/percent.ts';
import { parseTime } from '../parse/time.ts';
import type { OpenSession } from '../session.ts';
import { UsageError } from '../usage-error.ts';
import { actionText, scheduleTable } from '../view/rule.ts';

const { method } = FlagService;

interface ScheduleFlags extends ChangeFlags {
  readonly at: string;
  readonly id?: string;
  readonly enable?: boolean;
  readonly disable?: boolean;
  readonly halt?: string;
  readonly resume?: boolean;
  readonly rollout?: string;
  readonly rule?: string;
  readonly default?: string;
}

/** `flag schedule add|list|cancel`. */
export function registerSchedule(flag: Command, open: OpenSession): void {
  const schedule = flag.command('schedule').description('Changes that happen by themselves at a time.');
  registerAdd(schedule, open);
  schedule
    .command('list')
    .argument('[flag]', 'default: every flag of the environment')
    .description('List the changes that are still to happen.')
    .option('--until <time>', 'up to this time')
    .action(async (key: string | undefined, options: { until?: string }, command: Command) => {
      const session = await open(command);
      const { scope } = session;
      const parent = key === undefined ? await scope.environment() : await scope.settings(key);
      const { until } = options;
      const limit =
        until === undefined ? {} : { untilTime: timestampFromDate(parseTime(until, new Date(), 'future')) };
      const { pendingChanges } = await session.call(method.listScheduledChanges, { parent, ...limit });
      const rows = pendingChanges.flatMap(({ name, scheduledChange: change }) =>
        change === undefined ? [] : [[keyOf(name), change] as const],
      );
      await session.showAll(PendingChangeSchema, pendingChanges, () => scheduleTable(rows));
    });
  changing(schedule.command('cancel'))
    .argument('<flag>')
    .argument('<id>', 'of the scheduled change')
    .description('Let a scheduled change not happen.')
    .action(async (key: string, scheduledChangeId: string, options: ChangeFlags, command: Command) => {
      const session = await open(command);
      const name = await session.scope.settings(key);
      const subject = `scheduled change ${scheduledChangeId} of flag ${keyOf(name)}`;
      const deed = { subject, done: 'cancelled', ...placeOf(name), ...asked(options) };
      const input = { name, scheduledChangeId, options: changeOptions(options) };
      await session.change(method.cancelScheduledChange, input, deed);
    });
}

function registerAdd(schedule: Command, open: OpenSession): void {
  changing(schedule.command('add'))
    .argument('<flag>')
    .description('Plan one change of a flag in an environment.')
    .requiredOption('--at <time>', 'such as 2026-12-01T09:00:00Z or +2h')
    .option('--enable')
    .option('--disable')
    .option('--halt <reason>')
    .option('--resume')
    .option('--rollout <percentage>')
    .option('--rule <id>', 'for --rollout; default: the rule named rollout')
    .option('--default <variation>', 'another default variation')
    .option('--id <id>', 'default: one is made')
    .action(async (key: string, options: ScheduleFlags, command: Command) => {
      const change = parseScheduled(options, new Date());
      const session = await open(command);
      const name = await session.scope.settings(key);
      const subject = `change "${actionText(change)}" of flag ${keyOf(name)}`;
      const deed = { subject, done: 'scheduled', ...placeOf(name), ...asked(options) };
      const input = { name, scheduledChange: change, options: changeOptions(options) };
      await session.change(method.createScheduledChange, input, deed);
    });
}

/** A scheduled change from options. Throws a UsageError unless they say exactly one thing to do. */
export function parseScheduled(options: ScheduleFlags, now: Date): ScheduledChange {
  const actions = actionsOf(options);
  const [action] = actions;
  if (action === undefined || actions.length > 1) {
    throw new UsageError('give exactly one of --enable, --disable, --halt, --resume, --rollout, --default');
  }
  const time = timestampFromDate(parseTime(options.at, now, 'future'));
  return create(ScheduledChangeSchema, { id: options.id ?? '', time, action });
}

function actionsOf(options: ScheduleFlags): ScheduledChange['action'][] {
  const { rollout, rule: ruleId = 'rollout' } = options;
  return [
    ...(options.enable ? [{ case: 'enabled', value: true } as const] : []),
    ...(options.disable ? [{ case: 'enabled', value: false } as const] : []),
    ...(options.halt === undefined ? [] : [{ case: 'haltReason', value: options.halt } as const]),
    ...(options.resume ? [{ case: 'resume', value: true } as const] : []),
    ...(rollout === undefined ? [] : [rolloutAction(ruleId, rollout)]),
    ...(options.default === undefined ? [] : [{ case: 'defaultVariation', value: options.default } as const]),
  ];
}

function rolloutAction(ruleId: string, percentage: string): ScheduledChange['action'] {
  return {
    case: 'rollout',
    value: create(ScheduledRolloutSchema, { ruleId, weight: parsePercent(percentage) }),
  };
}
