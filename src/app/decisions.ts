import { hash } from 'node:crypto';
import type { CompiledFlag } from '../core/compile-flag.ts';
import type { Context } from '../core/context.ts';
import { FlagError } from '../core/errors.ts';
import { Evaluation } from '../core/evaluation.ts';
import type { FlagType } from '../core/model.ts';
import type { Outcome } from '../core/outcome.ts';
import { valueless } from '../core/outcomes.ts';
import type { Snapshot } from '../core/snapshot.ts';

/** What a caller may and wants to see. */
export interface Selection {
  /** Web keys: flags that are not client-visible do not exist for them, and the others come without details. */
  readonly clientVisibleOnly: boolean;
  /** Absent: every flag. */
  readonly flagKeys?: readonly string[] | undefined;
}

/** The answer for one flag; for whoever may not see it, exactly what an unknown flag answers. Clients get no detail. */
export function decide(
  snapshot: Snapshot,
  key: string,
  context: Context,
  nowMs: number,
  clientVisibleOnly: boolean,
): Outcome {
  const outcome = new Evaluation(snapshot, context, nowMs).flag(key);
  if (!clientVisibleOnly) return outcome;
  return outcome.clientVisible ? forClients(outcome) : notFound(key);
}

/**
 * As a web page may know it: the details name other flags and say why a flag was halted in words for colleagues, and
 * the name of a rule may say whom it is for.
 */
export function forClients(outcome: Outcome): Outcome {
  if (outcome.detail === '' && outcome.ruleId === '') return outcome;
  return perOutcome(publicForms, outcome, () => {
    const publicForm = { ...outcome, detail: '', ruleId: '' };
    originals.set(publicForm, outcome);
    return publicForm;
  });
}

/** What an outcome was before it was made public: with all that the flag's owners may know. */
export function originalOf(outcome: Outcome): Outcome {
  return originals.get(outcome) ?? outcome;
}

// An outcome is one object as long as its flag stays the same, and so is what is made from it alone.
const publicForms = new WeakMap<Outcome, Outcome>();
const originals = new WeakMap<Outcome, Outcome>();
const mismatched = new WeakMap<Outcome, Outcome>();
const digests = new WeakMap<Outcome, string>();

/** The answer of a flag that does not exist. */
export function notFound(flag: string): Outcome {
  return valueless(flag, 'FLAG_NOT_FOUND', '', 0);
}

/** The answer to a caller who expects another type than the flag has. */
export function typeMismatch(outcome: Outcome): Outcome {
  const { flag, type, flagVersion, recordExposures } = outcome;
  return perOutcome(mismatched, outcome, () => ({
    ...valueless(flag, 'TYPE_MISMATCH', `is of type ${type}`, flagVersion),
    recordExposures,
  }));
}

/** Whether an outcome has a value of another type than expected. No expectation is met by everything. */
export function mismatches(outcome: Outcome, expected: FlagType | undefined): boolean {
  return expected !== undefined && outcome.type !== undefined && outcome.type !== expected;
}

/** Every selected decision for one context, and until when they hold if nothing is changed. */
export interface Decisions {
  /** By flag key, in code point order. */
  readonly outcomes: readonly Outcome[];
  readonly changesAt: number;
}

/** A selection that names flags leaves out those that do not exist or may not be seen. */
export function decideAll(
  snapshot: Snapshot,
  context: Context,
  nowMs: number,
  selection: Selection,
): Decisions {
  const evaluation = Evaluation.ofMany(snapshot, context, nowMs);
  const outcomes: Outcome[] = [];
  for (const flag of selection.flagKeys === undefined
    ? snapshot.sortedFlags()
    : named(snapshot, selection.flagKeys))
    if (!selection.clientVisibleOnly) outcomes.push(evaluation.answer(flag));
    else if (flag.clientVisible) outcomes.push(forClients(evaluation.answer(flag)));
  return { outcomes, changesAt: evaluation.changesAt };
}

function named(snapshot: Snapshot, keys: readonly string[]): CompiledFlag[] {
  return [...new Set(keys)].sort().flatMap((key) => snapshot.flags.get(key) ?? []);
}

/** Names a set of decisions by what they say, whatever revision they were made at. */
export function etagOfDecisions(outcomes: readonly Outcome[]): string {
  let all = '';
  for (const outcome of outcomes) all += perOutcome(digests, outcome, () => digestOf(outcome));
  return `"${sha256(all).slice(0, 27)}"`;
}

/** All are equally long, so that they need no separator. */
function digestOf({ flag, flagVersion, variation, reason, ruleId, detail }: Outcome): string {
  return sha256(JSON.stringify([flag, flagVersion, variation, reason, ruleId, detail])).slice(0, 22);
}

function sha256(text: string): string {
  return hash('sha256', text, 'base64url');
}

function perOutcome<T>(known: WeakMap<Outcome, T>, outcome: Outcome, make: () => T): T {
  let made = known.get(outcome);
  if (made === undefined) {
    made = make();
    known.set(outcome, made);
  }
  return made;
}

/** The limits on a context that a stranger sends. Rejects with `invalid` or `exhausted`, naming the path. */
export function checkContext(context: Context, limits: ContextLimits): Context {
  if (context.targetingKey.length > limits.targetingKeyLength)
    throw new FlagError(
      'exhausted',
      `context.targeting_key: longer than ${limits.targetingKeyLength} characters`,
      {
        reason: 'CONTEXT_TOO_LARGE',
      },
    );
  if (Object.keys(context.attributes).length > limits.attributes) throw tooManyAttributes(limits.attributes);
  return context;
}

/** What a context gets that has more attributes than it may. */
export function tooManyAttributes(limit: number): FlagError {
  return new FlagError('exhausted', `context.attributes: more than ${limit}`, {
    reason: 'CONTEXT_TOO_LARGE',
  });
}

export interface ContextLimits {
  readonly attributes: number;
  /** Characters. */
  readonly targetingKeyLength: number;
}

export const DEFAULT_CONTEXT_LIMITS: ContextLimits = { attributes: 1_000, targetingKeyLength: 4_096 };
