import type { Access } from '../app/access.ts';
import type { Catalog } from '../app/catalog.ts';
import type { ContextLimits } from '../app/decisions.ts';
import type { Recorder } from '../app/exposures/recorder.ts';
import type { WatchParts } from '../app/watch-request.ts';
import type { Clock } from '../ports/clock.ts';

/** What EvaluationService needs, on whichever path its methods are called. */
export interface EvaluationParts {
  readonly catalog: Catalog;
  readonly access: Access;
  readonly clock: Clock;
  /** Absent: nothing is recorded. */
  readonly recorder?: Recorder | undefined;
  readonly watch: WatchParts;
  readonly contextLimits: ContextLimits;
  readonly serverVersion: string;
}
