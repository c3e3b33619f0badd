import { attributeReader } from '../../core/attribute.ts';
import { canonicalJson } from '../../core/canonical-json.ts';
import { FlagError, invalid } from '../../core/errors.ts';
import type { Evaluation } from '../../core/evaluation.ts';
import type { Json } from '../../core/model.ts';
import type { Snapshot } from '../../core/snapshot.ts';

const MAX_SEGMENTS = 50;
const MAX_ATTRIBUTES = 10;
const VALUES_SHOWN = 20;

/** Contexts that have something in common. */
export type ContextGroup =
  | { readonly kind: 'segment'; readonly segment: string }
  | { readonly kind: 'value'; readonly attribute: string; readonly value: Json }
  | { readonly kind: 'missing'; readonly attribute: string }
  /** With one of the rarer values. */
  | { readonly kind: 'other'; readonly attribute: string };

/** How many of a group came out how, by the number of the outcome. */
export interface GroupTally {
  readonly group: ContextGroup;
  readonly sampled: number;
  readonly outcomes: ReadonlyMap<number, number>;
}

export interface Breakdown {
  /** Empty: the first fifty of the environment. */
  readonly segments: readonly string[];
  readonly attributes: readonly string[];
}

/** Tells apart how contexts came out, by the segments that they are in and the values of attributes. */
export class ContextGroups {
  readonly #segments: readonly { readonly key: string; readonly tally: Tally }[];
  readonly #attributes: readonly AttributeTally[];

  /** Throws `not_found` for a segment that is not in the snapshot, `invalid` for too many of either. */
  constructor(snapshot: Snapshot, { segments, attributes }: Breakdown) {
    if (segments.length > MAX_SEGMENTS) throw tooMany('segments', MAX_SEGMENTS);
    if (attributes.length > MAX_ATTRIBUTES) throw tooMany('attributes', MAX_ATTRIBUTES);
    for (const segment of segments) if (!snapshot.segments.has(segment)) throw noSegment(snapshot, segment);
    const keys = segments.length > 0 ? segments : [...snapshot.segments.keys()].sort().slice(0, MAX_SEGMENTS);
    this.#segments = [...new Set(keys)].map((key) => ({ key, tally: new Tally() }));
    this.#attributes = [...new Set(attributes)].map((attribute) => new AttributeTally(attribute));
  }

  /** The context of this evaluation came out so. */
  add(evaluation: Evaluation, outcome: number): void {
    for (const { key, tally } of this.#segments) if (isMember(evaluation, key)) tally.add(outcome);
    for (const attribute of this.#attributes) attribute.add(evaluation, outcome);
  }

  /** Segments in the order in which they were named; segments without contexts are there too. */
  segments(): GroupTally[] {
    return this.#segments.map(({ key, tally }) => tally.as({ kind: 'segment', segment: key }));
  }

  /** For each attribute its most frequent values, then the others, then those without. */
  attributes(): GroupTally[] {
    return this.#attributes.flatMap((attribute) => attribute.tallies());
  }
}

class Tally {
  sampled = 0;
  readonly outcomes = new Map<number, number>();

  add(outcome: number, count = 1): void {
    this.sampled += count;
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + count);
  }

  as(group: ContextGroup): GroupTally {
    return { group, sampled: this.sampled, outcomes: this.outcomes };
  }
}

class AttributeTally {
  readonly #attribute: string;
  readonly #read;
  readonly #values = new Map<string, { readonly value: Json; readonly tally: Tally }>();
  readonly #missing = new Tally();

  constructor(attribute: string) {
    this.#attribute = attribute;
    this.#read = attributeReader(attribute);
  }

  add(evaluation: Evaluation, outcome: number): void {
    const value = this.#read(evaluation);
    if (value === undefined) {
      this.#missing.add(outcome);
      return;
    }
    const name = canonicalJson(value);
    const known = this.#values.get(name) ?? { value, tally: new Tally() };
    this.#values.set(name, known);
    known.tally.add(outcome);
  }

  tallies(): GroupTally[] {
    const attribute = this.#attribute;
    const values = [...this.#values].sort(
      ([a, { tally: first }], [b, { tally: second }]) => second.sampled - first.sampled || (a < b ? -1 : 1),
    );
    const rest = new Tally();
    for (const [, { tally }] of values.slice(VALUES_SHOWN))
      for (const [outcome, count] of tally.outcomes) rest.add(outcome, count);
    return [
      ...values
        .slice(0, VALUES_SHOWN)
        .map(([, { value, tally }]) => tally.as({ kind: 'value', attribute, value })),
      ...(rest.sampled > 0 ? [rest.as({ kind: 'other', attribute })] : []),
      ...(this.#missing.sampled > 0 ? [this.#missing.as({ kind: 'missing', attribute })] : []),
    ];
  }
}

/** Whoever cannot be told to be in a segment that cannot be evaluated is not. */
function isMember(evaluation: Evaluation, segment: string): boolean {
  try {
    return evaluation.isMember(segment);
  } catch {
    return false;
  }
}

function tooMany(path: string, most: number): FlagError {
  return invalid([{ path, message: `may be at most ${most}` }]);
}

function noSegment(snapshot: Snapshot, segment: string): FlagError {
  return new FlagError('not_found', `there is no segment ${segment}`, {
    reason: 'SEGMENT_NOT_FOUND',
    resource: `projects/${snapshot.project}/segments/${segment}`,
  });
}
