import type { Context } from '../core/context.ts';
import { FlagError } from '../core/errors.ts';
import type { Outcome } from '../core/outcome.ts';
import type { Snapshot } from '../core/snapshot.ts';
import type { Clock } from '../ports/clock.ts';
import type { Catalog } from './catalog.ts';
import { decideAll, etagOfDecisions } from './decisions.ts';
import { type Place, snapshotSince } from './environment-access.ts';
import { onward } from './onward.ts';
import type { Principal } from './principal.ts';
import { tokenFor } from './watch-request.ts';

export const PROTOCOL_VERSION = 1;

/** What this service can do beyond the first version of the protocol, for clients that ask before they try. */
export const CAPABILITIES: readonly string[] = [
  'evaluate-stream',
  'explain',
  'min-revision',
  'watch-decisions',
  'watch-definitions',
  'watch-resume',
];

export interface HandshakeRequest {
  readonly principal: Principal;
  readonly place: Place;
  readonly protocolVersion: number;
  readonly context: Context;
  readonly flagKeys: readonly string[] | undefined;
  readonly etag: string;
  readonly minRevision: number;
}

export interface Handshake {
  /** What was evaluated. */
  readonly snapshot: Snapshot;
  readonly revision: number;
  readonly etag: string;
  readonly notModified: boolean;
  readonly stalenessMs: number;
  /** Empty if not modified. */
  readonly outcomes: readonly Outcome[];
  readonly resumeToken: string;
}

interface HandshakeParts {
  readonly catalog: Catalog;
  readonly clock: Clock;
}

/**
 * Everything that a client needs at its start: at once, unless the revision it asks for is not here yet. Rejects with
 * `failed_precondition` for another protocol version.
 */
export function handshake(parts: HandshakeParts, request: HandshakeRequest): Handshake | Promise<Handshake> {
  if (request.protocolVersion !== PROTOCOL_VERSION)
    throw new FlagError(
      'failed_precondition',
      `protocol version ${request.protocolVersion} is not spoken here`,
      {
        reason: 'PROTOCOL_VERSION_UNSUPPORTED',
        metadata: { min: String(PROTOCOL_VERSION), max: String(PROTOCOL_VERSION) },
      },
    );
  const snapshot = snapshotSince(parts.catalog, request.place, request.minRevision);
  return onward(snapshot, (found) => handshakeIn(parts, request, found));
}

function handshakeIn(
  { catalog, clock }: HandshakeParts,
  request: HandshakeRequest,
  snapshot: Snapshot,
): Handshake {
  const { principal, place, context, flagKeys } = request;
  const { hash } = catalog.state(place.project);
  const seenAt = clock.now();
  const clientVisibleOnly = principal.kind === 'web';
  const { outcomes } = decideAll(snapshot, context, seenAt, { clientVisibleOnly, flagKeys });
  const etag = etagOfDecisions(outcomes);
  const notModified = request.etag === etag;
  return {
    snapshot,
    revision: snapshot.revision,
    etag,
    notModified,
    stalenessMs: catalog.stalenessMs(place.project),
    outcomes: notModified ? [] : outcomes,
    resumeToken: tokenFor(
      catalog,
      { principal, place, view: { kind: 'decisions', context }, flagKeys },
      { revision: snapshot.revision, hash, seenAt },
    ),
  };
}
