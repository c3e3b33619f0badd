import { list } from '../../support/calls.ts';
import { isMessage, type Message } from '../../support/stock-protos.ts';
import { deletedId } from '../checks/boundaries.ts';
import type { Told } from '../clients/service.ts';
import type { ObjectSeen, ViewSeen } from '../history/history.ts';
import type { WatchTold } from '../history/recorder.ts';
import { decisionWitness, flagWitness, releaseWitness, segmentWitness } from '../history/witness.ts';

/** What WatchFlags said, in the words of the recorder. `toRecorder` turns epoch milliseconds into its time. */
export function toldBy(
  replica: string,
  view: ViewSeen,
  message: Message,
  toRecorder: (epochMs: number) => number,
): Told {
  const [kind = '', value] = Object.entries(message)[0] ?? [];
  const content = isMessage(value) ? value : {};
  const token = text(content.resumeToken);
  const told = saidIn(kind, content, view, toRecorder);
  return {
    message: { replica, ...told },
    ...(token !== '' && { token }),
    ...(kind === 'goodbye' && { retryAfterMs: Number(content.retryAfterMs ?? 0) }),
  };
}

type Said = WatchTold extends infer M ? (M extends WatchTold ? Omit<M, 'replica'> : never) : never;

function saidIn(
  kind: string,
  content: Message,
  view: ViewSeen,
  toRecorder: (epochMs: number) => number,
): Said {
  switch (kind) {
    case 'hello': {
      const reason = text(content.reason).replace('INTENT_REASON_', '').toLowerCase();
      const target = Number(content.targetRevision ?? 0);
      return { kind: 'hello', intent: intentOf(text(content.intent)), reason, target };
    }
    case 'snapshotPart':
      return { kind: 'part', objects: objectsIn(content) };
    case 'snapshotEnd': {
      const place = { revision: Number(content.revision), count: Number(content.count ?? 0) };
      return { kind: 'end', ...place, stateHash: hexIn(content.stateHash) };
    }
    case 'delta': {
      const cause = content.cause === 'CAUSE_SCHEDULE' ? 'schedule' : 'change';
      const places = { from: Number(content.fromRevision ?? 0), to: Number(content.toRevision) };
      return {
        kind: 'delta',
        ...places,
        cause,
        upserts: objectsIn(content),
        deletes: deletesIn(view, content),
      };
    }
    case 'bookmark': {
      const place = { revision: Number(content.revision), headHash: hexIn(content.headHash) };
      const saidAt = toRecorder(Date.parse(text(content.serverTime)));
      return { kind: 'bookmark', ...place, stalenessMs: Number(content.stalenessMs ?? 0), saidAt };
    }
    case 'goodbye':
      return { kind: 'goodbye', reason: text(content.reason).replace('REASON_', '').toLowerCase() };
    default:
      throw new Error(`a watch says ${kind} ${JSON.stringify(content)}`);
  }
}

/** What an evaluation answered, or a decision that was watched. */
export function decidedIn(decision: Message): string {
  return decisionWitness({
    variation: text(decision.variation),
    value: text(decision.stringValue),
    reason: text(decision.reason).replace('REASON_', '') as 'DEFAULT',
  });
}

function deletesIn(view: ViewSeen, content: Message): string[] {
  return [
    ...texts(content.deletedFlags).map((key) => deletedId(view, 'flag', key)),
    ...texts(content.deletedSegments).map((key) => deletedId(view, 'segment', key)),
    ...texts(content.deletedReleases).map((key) => deletedId(view, 'release', key)),
  ];
}

function objectsIn(content: Message): ObjectSeen[] {
  return [
    ...list(content, 'flags').map(flagIn),
    ...list(content, 'segments').map((segment) => ({
      ...{ id: `segment ${segment.key}`, version: Number(segment.version) },
      witness: segmentWitness({
        description: text(segment.description),
        included: texts(segment.included),
        excluded: texts(segment.excluded),
      }),
    })),
    ...list(content, 'releases').map((release) => ({
      ...{ id: `release ${release.key}`, version: Number(release.version) },
      witness: releaseWitness({
        branch: text(release.branch),
        runtimeVersion: text(release.runtimeVersion),
        rolloutWeight: Number(release.rolloutWeight ?? 0),
      }),
    })),
    ...list(content, 'decisions').map((decision) => ({
      ...{ id: `decision ${decision.flagKey}`, version: Number(decision.flagVersion ?? 0) },
      witness: decidedIn(decision),
    })),
  ];
}

function flagIn(definition: Message): ObjectSeen {
  const flag = isMessage(definition.flag) ? definition.flag : {};
  const settings = isMessage(definition.settings) ? definition.settings : {};
  return {
    id: `flag ${flag.key}`,
    version: Number(definition.version),
    witness: flagWitness({
      description: text(flag.description),
      status: text(flag.status).replace('FLAG_STATUS_', '').toLowerCase(),
      variations: list(flag, 'variations').map(({ key, value }) => [text(key), text(value)]),
      enabled: settings.enabled === true,
      halted: isMessage(settings.halt) ? text(settings.halt.reason) : undefined,
      defaultVariation: text(settings.defaultVariation),
      targets: list(settings, 'targets').map((target) => [
        text(target.variation),
        texts(target.targetingKeys),
      ]),
    }),
  };
}

function intentOf(intent: string): 'full' | 'changes' | 'nothing' {
  if (intent === 'INTENT_FULL') return 'full';
  return intent === 'INTENT_CHANGES' ? 'changes' : 'nothing';
}

function hexIn(base64: unknown): string {
  return Buffer.from(text(base64), 'base64').toString('hex');
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map(text) : [];
}
