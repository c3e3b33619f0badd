import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import type { ChangeOptions } from '../../gen/vexil/v1/changes_pb.ts';
import type { SettingsAt } from '../app/manage/settings.ts';
import { settingsOf } from '../app/project-state.ts';
import { type Committed, type Plan, resultOf, type Writer } from '../app/writer.ts';
import { changedObject } from './changed.ts';
import { settingsMessage } from './convert/settings.ts';
import { versionOf } from './etag.ts';
import { parseSettings } from './names.ts';
import { intentOf, receiptOf } from './writes.ts';

/** What every request has that changes the settings of a flag. */
interface SettingsRequest {
  name: string;
  etag: string;
  options?: ChangeOptions | undefined;
}

/** One call that changes the settings of a flag. */
export interface SettingsWrite {
  /** Such as `flag.halt`. */
  readonly action: string;
  /** `by` is whoever calls, as the log names them. */
  readonly plan: (at: SettingsAt, by: string) => Plan;
  /** For the log, if the request's options give no reason. */
  readonly reason?: string;
}

/** Makes the change, and answers with the settings that it left. */
export async function writeSettings<Desc extends DescMessage>(
  writer: Writer,
  context: HandlerContext,
  schema: Desc,
  request: MessageShape<Desc> & SettingsRequest,
  { action, plan, reason = '' }: SettingsWrite,
) {
  const { project, environment, flag } = parseSettings(request.name, 'name');
  const expectedVersion = versionOf(request.etag, 'etag');
  const intent = intentOf(context, project, action, schema, request);
  const planned = plan({ environment, flag, expectedVersion }, intent.actor);
  const committed = await writer.commit({ ...intent, reason: intent.reason || reason }, planned);
  return settingsAnswer(project, environment, flag, committed);
}

export function settingsAnswer(project: string, environment: string, flag: string, committed: Committed) {
  const exists = resultOf(committed, { kind: 'settings', environment, key: flag }) !== undefined;
  const stored = exists
    ? changedObject(committed, 'settings', flag, environment)
    : settingsOf(committed.state, environment, flag);
  return { settings: settingsMessage(project, environment, stored), receipt: receiptOf(committed) };
}
