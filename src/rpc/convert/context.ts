import type { Context as ContextMessage } from '../../../gen/vexil/v1/evaluation_pb.ts';
import { type ContextLimits, checkContext } from '../../app/decisions.ts';
import { type Context, EMPTY_CONTEXT } from '../../core/context.ts';
import { isSayable, readJsonObject } from './json.ts';
import { type Mistakes, throwAny } from './reading.ts';

/** Whom a call is about. Throws `exhausted` for a context beyond the limits, `invalid` for what JSON cannot say. */
export function contextFrom(message: ContextMessage | undefined, limits: ContextLimits): Context {
  if (message === undefined) return EMPTY_CONTEXT;
  const { targetingKey, attributes = EMPTY_CONTEXT.attributes } = message;
  if (!isSayable(attributes, 0)) {
    const mistakes: Mistakes = [];
    readJsonObject(attributes, 'context.attributes', mistakes);
    throwAny(mistakes);
  }
  return checkContext({ targetingKey, attributes }, limits);
}
