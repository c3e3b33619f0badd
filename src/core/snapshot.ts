import type { CompiledFlag } from './compile-flag.ts';
import type { CompiledSegment } from './compile-segment.ts';
import type { Release } from './model.ts';

/**
 * Everything that evaluations in one environment read, compiled, at one revision. Immutable: a change makes a new
 * one that shares what did not change. A flag refers to segments and other flags by key and finds them here.
 */
export interface Snapshot {
  readonly project: string;
  readonly environment: string;
  readonly revision: number;
  /** Archived flags are not in it. */
  readonly flags: ReadonlyMap<string, CompiledFlag>;
  readonly segments: ReadonlyMap<string, CompiledSegment>;
  /** Active releases only. */
  readonly releases: ReadonlyMap<string, CompiledRelease>;
}

export interface CompiledRelease {
  readonly definition: Release;
  readonly version: number;
  /** Flag key to variation, without the flags that were rolled back. */
  readonly variations: ReadonlyMap<string, string>;
}
