import { type Context, EMPTY_CONTEXT } from '../../core/context.ts';
import type { FlagType } from '../../core/model.ts';

/**
 * What the requests of EvaluationService ask for, whichever way they came. Nothing in them is checked but that they could
 * be read: that is for whoever answers.
 */

/** Whom a request is about, as it says itself. */
export interface ContextQuery {
  readonly context: Context;
  /**
   * The context has no more attributes than that, and JSON can say all of them. Infinity if that has not been looked
   * at, or is not so.
   */
  readonly soundAttributes: number;
}

export const NO_CONTEXT: ContextQuery = { context: EMPTY_CONTEXT, soundAttributes: 0 };

interface PlaceQuery {
  /** A resource name; empty for the key's own. */
  readonly environment: string;
}

interface RevisionQuery {
  /** Negative if it is not a number of a revision. */
  readonly minRevision: number;
}

export interface EvaluateQuery extends PlaceQuery, RevisionQuery {
  readonly context: ContextQuery;
  readonly flagKey: string;
  readonly expectedType: FlagType | undefined;
  readonly explain: boolean;
}

export interface EvaluateAllQuery extends PlaceQuery, RevisionQuery {
  readonly context: ContextQuery;
  /** Empty: every flag. */
  readonly flagKeys: readonly string[];
}

export interface HandshakeQuery extends EvaluateAllQuery {
  readonly protocolVersion: number;
  readonly client: ClientQuery | undefined;
  readonly etag: string;
}

export interface ClientQuery {
  readonly name: string;
  readonly version: string;
}

/** One message of an EvaluateStream. */
export interface StreamQuery extends PlaceQuery {
  readonly context: ContextQuery;
  /** The halves of the 64-bit number that comes back in the answer, as signed 32-bit integers. */
  readonly idLow: number;
  readonly idHigh: number;
  readonly flagKey: string;
  readonly expectedType: FlagType | undefined;
}
