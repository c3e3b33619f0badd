import type { ServiceImpl } from '@connectrpc/connect';
import * as wire from '../../gen/vexil/v1/flag_service_pb.ts';
import type { Catalog } from '../app/catalog.ts';
import { existingEnvironment, existingFlag } from '../app/manage/existing.ts';
import { cancelScheduledChange, pendingChanges, scheduleChange } from '../app/manage/schedule.ts';
import type { Writer } from '../app/writer.ts';
import { present } from './convert/reading.ts';
import { scheduledChangeFrom, scheduledChangeMessage } from './convert/scheduled-change.ts';
import { writeSettings } from './flag-settings-writes.ts';
import { parseEnvironment, parseSettings, settingsName } from './names.ts';
import { instantOf } from './timestamp.ts';

type Methods = Pick<
  ServiceImpl<typeof wire.FlagService>,
  'createScheduledChange' | 'listScheduledChanges' | 'cancelScheduledChange'
>;

/** What the flag service does with changes that are still to happen. */
export function flagScheduleMethods({ writer, catalog }: { writer: Writer; catalog: Catalog }): Methods {
  return {
    async createScheduledChange(request, context) {
      const change = scheduledChangeFrom(
        present(request.scheduledChange, 'scheduled_change'),
        'scheduled_change',
      );
      return writeSettings(writer, context, wire.CreateScheduledChangeRequestSchema, request, {
        action: 'flag.schedule',
        plan: (at, by) => scheduleChange(at, { ...change, by }),
      });
    },

    listScheduledChanges(request) {
      const { project, environment, flag } = parentOf(request.parent);
      const until = request.untilTime && instantOf(request.untilTime, 'until_time');
      const state = catalog.state(project);
      existingEnvironment(state, environment);
      if (flag !== undefined) existingFlag(state, flag);
      const pending = pendingChanges(state, environment, { flag, until });
      return {
        pendingChanges: pending.map((each) => ({
          name: settingsName(project, environment, each.flag),
          scheduledChange: scheduledChangeMessage(each.change),
        })),
      };
    },

    cancelScheduledChange(request, context) {
      return writeSettings(writer, context, wire.CancelScheduledChangeRequestSchema, request, {
        action: 'flag.schedule.cancel',
        plan: (at) => cancelScheduledChange(at, request.scheduledChangeId),
      });
    },
  };
}

/** An environment, or a flag in one. */
function parentOf(parent: string): { project: string; environment: string; flag?: string } {
  return parent.includes('/flags/') ? parseSettings(parent, 'parent') : parseEnvironment(parent, 'parent');
}
