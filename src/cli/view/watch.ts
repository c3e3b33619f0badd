import {
  type Decision,
  type FlagDefinition,
  type WatchDelta,
  WatchDelta_Cause,
  type WatchFlagsResponse,
  WatchGoodbye_Reason,
  type WatchHello,
  WatchHello_Intent,
  WatchHello_IntentReason,
  type WatchSnapshotPart,
} from '../../../gen/vexil/v1/evaluation_pb.ts';
import { enumWord } from '../parse/enumeration.ts';
import { decisionLine } from './decision.ts';
import { stateWord } from './flag.ts';
import { counted, printable } from './table.ts';

/** One message of a watch on one line. */
export function watchLine({ message }: WatchFlagsResponse): string {
  switch (message.case) {
    case 'hello':
      return helloLine(message.value);
    case 'snapshotPart':
      return `snapshot: ${objects(message.value).join('; ') || 'empty'}`;
    case 'snapshotEnd':
      return `snapshot complete: revision ${message.value.revision}, ${counted(message.value.count, 'object')}`;
    case 'delta':
      return deltaLine(message.value);
    case 'bookmark':
      return `bookmark: revision ${message.value.revision}, at most ${message.value.stalenessMs} ms old`;
    case 'goodbye': {
      const { reason, retryAfterMs } = message.value;
      return `goodbye: ${words(WatchGoodbye_Reason, reason)}, try again in ${retryAfterMs} ms`;
    }
    default:
      return 'a message that this version does not know';
  }
}

function helloLine({ intent, reason, targetRevision, environment }: WatchHello): string {
  const what = `${words(WatchHello_Intent, intent)} (${words(WatchHello_IntentReason, reason)})`;
  return printable(`hello: ${what} up to revision ${targetRevision} of ${environment}`);
}

function deltaLine(delta: WatchDelta): string {
  const deleted = [
    ...delta.deletedFlags.map((key) => `flag ${key} deleted`),
    ...delta.deletedSegments.map((key) => `segment ${key} deleted`),
    ...delta.deletedReleases.map((key) => `release ${key} deleted`),
  ].map(printable);
  const what = [...objects(delta), ...deleted].join('; ') || 'nothing that is watched';
  const cause = words(WatchDelta_Cause, delta.cause);
  return `${cause}: revision ${delta.fromRevision} to ${delta.toRevision}: ${what}`;
}

function objects(part: Pick<WatchSnapshotPart, 'flags' | 'segments' | 'releases' | 'decisions'>): string[] {
  return [
    ...part.decisions.map((decision: Decision) => decisionLine(decision)),
    ...part.flags.map(flagWords),
    ...part.segments.map(({ key, version }) => printable(`segment ${key} version ${version}`)),
    ...part.releases.map(({ key, version }) => printable(`release ${key} version ${version}`)),
  ];
}

function flagWords({ flag, settings, version }: FlagDefinition): string {
  const state = settings === undefined ? '' : ` ${stateWord(settings)}`;
  return printable(`flag ${flag?.key ?? ''}${state} version ${version}`);
}

function words(enumeration: Readonly<Record<string, number>>, value: number): string {
  return enumWord(enumeration, value).replaceAll('_', ' ');
}
