import type { ServiceImpl } from '@connectrpc/connect';
import {
  FlagSettingsSchema,
  type FlagSettings as SettingsMessage,
} from '../../gen/vexil/v1/definitions_pb.ts';
import * as wire from '../../gen/vexil/v1/flag_service_pb.ts';
import type { Catalog } from '../app/catalog.ts';
import { existingEnvironment, existingFlag } from '../app/manage/existing.ts';
import { disableFlag, enableFlag, haltFlag, resumeFlag, updateSettings } from '../app/manage/settings.ts';
import { settingsOf } from '../app/project-state.ts';
import type { Writer } from '../app/writer.ts';
import { overlay } from './convert/overlay.ts';
import { present } from './convert/reading.ts';
import { settingsFrom, settingsMessage } from './convert/settings.ts';
import { versionOf } from './etag.ts';
import { maskedPaths } from './field-mask.ts';
import { settingsAnswer, writeSettings } from './flag-settings-writes.ts';
import { parseFlag, parseSettings } from './names.ts';
import { intentOf } from './writes.ts';

type Service = ServiceImpl<typeof wire.FlagService>;
type Reads = Pick<Service, 'getFlagSettings' | 'listFlagSettings'>;
type Writes = Pick<Service, 'updateFlagSettings' | 'enableFlag' | 'disableFlag' | 'haltFlag' | 'resumeFlag'>;

const CHANGEABLE = [
  'enabled',
  'default_variation',
  'prerequisites',
  'targets',
  'rules',
  'bucket_by',
  'salt',
  'hash',
];

/** What the flag service does with the settings of a flag as a whole, and its switches. */
export function flagSettingsMethods(deps: { writer: Writer; catalog: Catalog }): Reads & Writes {
  return { ...readMethods(deps.catalog), ...writeMethods(deps.writer) };
}

function readMethods(catalog: Catalog): Reads {
  return {
    getFlagSettings(request) {
      const { project, environment, flag } = parseSettings(request.name, 'name');
      const state = catalog.state(project);
      existingEnvironment(state, environment);
      existingFlag(state, flag);
      return { settings: settingsMessage(project, environment, settingsOf(state, environment, flag)) };
    },

    listFlagSettings(request) {
      const { project, flag } = parseFlag(request.parent, 'parent');
      const state = catalog.state(project);
      existingFlag(state, flag);
      const environments = [...state.environments.keys()].sort();
      const settings = environments.map((environment) =>
        settingsMessage(project, environment, settingsOf(state, environment, flag)),
      );
      return { settings };
    },
  };
}

function writeMethods(writer: Writer): Writes {
  return {
    async updateFlagSettings(request, context) {
      const sent = present(request.settings, 'settings');
      const { project, environment, flag } = parseSettings(sent.name, 'settings.name');
      const expectedVersion = versionOf(sent.etag, 'settings.etag');
      const masked = maskedPaths(FlagSettingsSchema, sentBack(sent), request.updateMask, CHANGEABLE);
      const schema = wire.UpdateFlagSettingsRequestSchema;
      const intent = intentOf(context, project, 'flag.settings.update', schema, request);
      const plan = updateSettings({ environment, flag, expectedVersion }, (stored) => {
        const message = settingsMessage(project, environment, stored);
        return settingsFrom(overlay(FlagSettingsSchema, message, sent, masked), 'settings');
      });
      return settingsAnswer(project, environment, flag, await writer.commit(intent, plan));
    },

    enableFlag(request, context) {
      const write = { action: 'flag.enable', plan: enableFlag };
      return writeSettings(writer, context, wire.EnableFlagRequestSchema, request, write);
    },

    disableFlag(request, context) {
      const write = { action: 'flag.disable', plan: disableFlag };
      return writeSettings(writer, context, wire.DisableFlagRequestSchema, request, write);
    },

    haltFlag(request, context) {
      const reason = request.reason || (request.options?.reason ?? '');
      return writeSettings(writer, context, wire.HaltFlagRequestSchema, request, {
        action: 'flag.halt',
        plan: (at, by) => haltFlag(at, { by, reason }),
        reason,
      });
    },

    resumeFlag(request, context) {
      const write = { action: 'flag.resume', plan: resumeFlag };
      return writeSettings(writer, context, wire.ResumeFlagRequestSchema, request, write);
    },
  };
}

/** Without the parts that have calls of their own, which come along when settings are read, edited and sent back. */
function sentBack(settings: SettingsMessage): SettingsMessage {
  const { halt, ...rest } = settings;
  return { ...rest, scheduledChanges: [] };
}
