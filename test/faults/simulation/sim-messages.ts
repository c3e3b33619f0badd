import type { Content, WatchEvent } from '../../../src/app/watch-events.ts';
import { deletedId } from '../checks/boundaries.ts';
import type { Told } from '../clients/service.ts';
import type { ObjectSeen, ViewSeen } from '../history/history.ts';
import {
  decisionWitness,
  flagContent,
  flagWitness,
  releaseWitness,
  segmentWitness,
} from '../history/witness.ts';

/** What is said in an event, in the words of the recorder. */
export function toldBy(replica: string, view: ViewSeen, event: WatchEvent, startMs: number): Told {
  const token = 'token' in event ? { token: event.token } : {};
  switch (event.kind) {
    case 'hello':
      return {
        message: {
          replica,
          kind: 'hello',
          intent: event.intent,
          reason: event.reason,
          target: event.targetRevision,
        },
      };
    case 'part':
      return { message: { replica, kind: 'part', objects: objectsIn(event.content) } };
    case 'end': {
      const { revision, count } = event;
      const stateHash = Buffer.from(event.stateHash).toString('hex');
      return { message: { replica, kind: 'end', revision, count, stateHash }, ...token };
    }
    case 'delta': {
      const { kind, from, to, cause, content } = event;
      const upserts = objectsIn(content);
      return {
        message: { replica, kind, from, to, cause, upserts, deletes: deletesIn(view, content) },
        ...token,
      };
    }
    case 'bookmark': {
      const { kind, revision, headHash, stalenessMs } = event;
      const saidAt = event.now - startMs;
      return { message: { replica, kind, revision, headHash, stalenessMs, saidAt }, ...token };
    }
    case 'goodbye':
      return {
        message: { replica, kind: 'goodbye', reason: event.reason },
        retryAfterMs: event.retryAfterMs,
        ...token,
      };
  }
}

function objectsIn(content: Content): ObjectSeen[] {
  return [
    ...content.flags.map(({ key, version, flag, settings }) => ({
      ...{ id: `flag ${key}`, version },
      witness: flagWitness(flagContent(flag, settings)),
    })),
    ...content.segments.map(({ key, version, segment }) => ({
      ...{ id: `segment ${key}`, version },
      witness: segmentWitness(segment),
    })),
    ...content.releases.map(({ version, definition }) => ({
      ...{ id: `release ${definition.key}`, version },
      witness: releaseWitness(definition),
    })),
    ...content.decisions.map((outcome) => ({
      ...{ id: `decision ${outcome.flag}`, version: outcome.flagVersion },
      witness: decisionWitness(outcome),
    })),
  ];
}

function deletesIn(view: ViewSeen, content: Content): string[] {
  return [
    ...content.deletedFlags.map((key) => deletedId(view, 'flag', key)),
    ...content.deletedSegments.map((key) => deletedId(view, 'segment', key)),
    ...content.deletedReleases.map((key) => deletedId(view, 'release', key)),
  ];
}
