import type { Place } from '../../app/environment-access.ts';
import { type Handshake, handshake as handshakeIn } from '../../app/handshake.ts';
import { onward } from '../../app/onward.ts';
import type { Principal } from '../../app/principal.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import { checkedContext } from '../convert/context.ts';
import type { EvaluationParts } from '../evaluation-parts.ts';
import type { HandshakeQuery } from '../wire/queries.ts';
import { checkClient, checkedFlagKeys, checkedRevision, clientName, placeIn } from './checked-query.ts';

/** What a client needs at its start. */
export interface Shaken extends Handshake {
  readonly place: Place;
  /** Whose flags they all are; undefined for flags that somebody chose. */
  readonly whole: Snapshot | undefined;
  /** What this process could not record since it began. */
  readonly exposuresLost: number;
}

/** Handshake. A promise only for a revision that is not here yet. Throws, or rejects with, a FlagError. */
export function handshake(
  parts: EvaluationParts,
  principal: Principal,
  query: HandshakeQuery,
): Shaken | Promise<Shaken> {
  const place = placeIn(principal, query.environment);
  checkClient(query.client);
  const context = checkedContext(query.context, parts.contextLimits);
  const flagKeys = checkedFlagKeys(query.flagKeys);
  const answer = handshakeIn(parts, {
    ...{ principal, place, context, flagKeys },
    protocolVersion: query.protocolVersion,
    etag: query.etag,
    minRevision: checkedRevision(query.minRevision),
  });
  const client = clientName(query.client);
  return onward(answer, (made) => {
    // Whoever has the decisions already was recorded when it got them.
    parts.recorder?.many('handshake', made.snapshot, made.outcomes, context, parts.clock.now(), client);
    const exposuresLost = principal.kind === 'web' ? 0 : (parts.recorder?.lost ?? 0);
    return { ...made, place, exposuresLost, whole: flagKeys === undefined ? made.snapshot : undefined };
  });
}
