import { codec } from '../codec/codec.ts';
import { curves } from '../curves/curves.ts';
import { evaluator } from '../evaluator/comparison.ts';
import type { Part } from '../lib/part.ts';
import { analytics } from './analytics.ts';
import { evaluateAll } from './evaluate-all.ts';
import { exposures } from './exposures.ts';
import { fanout } from './fanout.ts';
import { fleet } from './fleet.ts';
import { idle } from './idle.ts';
import { profile } from './profile.ts';
import { stream } from './stream.ts';
import { unary } from './unary.ts';
import { workers } from './workers.ts';

/** Everything that can be measured, in the order in which it is. */
export const PARTS: readonly Part[] = [
  ...[evaluator, codec, unary, evaluateAll, stream, fanout, fleet, idle, workers, exposures, analytics],
  ...[curves, profile],
];
