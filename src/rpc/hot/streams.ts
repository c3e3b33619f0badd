import type { EvaluationParts } from '../evaluation-parts.ts';
import { evaluateStreamMethod } from './evaluate-stream.ts';
import type { StreamMethod } from './stream-method.ts';
import { watchFlagsMethod } from './watch-flags.ts';

/** The streaming methods that have a path of their own. */
export function hotStreams(parts: EvaluationParts): readonly StreamMethod[] {
  return [watchFlagsMethod(parts), evaluateStreamMethod(parts)];
}
