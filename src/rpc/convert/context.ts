import type { Context as ContextMessage } from '../../../gen/vexil/v1/evaluation_pb.ts';
import { type ContextLimits, checkContext } from '../../app/decisions.ts';
import { type Context, EMPTY_CONTEXT } from '../../core/context.ts';
import { type ContextQuery, NO_CONTEXT } from '../wire/queries.ts';
import { isSayable, readJsonObject } from './json.ts';
import { type Mistakes, throwAny } from './reading.ts';

/** Whom a call is about. Throws `exhausted` for a context beyond the limits, `invalid` for what JSON cannot say. */
export function contextFrom(message: ContextMessage | undefined, limits: ContextLimits): Context {
  return checkedContext(contextQuery(message), limits);
}

/** The same for a context that was read already. */
export function checkedContext({ context, soundAttributes }: ContextQuery, limits: ContextLimits): Context {
  if (soundAttributes > limits.attributes && !isSayable(context.attributes, 0)) {
    const mistakes: Mistakes = [];
    readJsonObject(context.attributes, 'context.attributes', mistakes);
    throwAny(mistakes);
  }
  const fits =
    soundAttributes <= limits.attributes && context.targetingKey.length <= limits.targetingKeyLength;
  return fits ? context : checkContext(context, limits);
}

/** A context as a message says it, and nothing known about it. */
export function contextQuery(message: ContextMessage | undefined): ContextQuery {
  if (message === undefined) return NO_CONTEXT;
  const { targetingKey, attributes = EMPTY_CONTEXT.attributes } = message;
  return { context: { targetingKey, attributes }, soundAttributes: Number.POSITIVE_INFINITY };
}
