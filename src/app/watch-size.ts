import type { Outcome } from '../core/outcome.ts';
import type { Content } from './watch-events.ts';

const sizes = new WeakMap<object, number>();

/** About how many bytes an object takes in a message; worked out once per version of it. */
export function sizeOfDefinition(definition: object): number {
  const size = sizes.get(definition) ?? JSON.stringify(definition).length;
  sizes.set(definition, size);
  return size;
}

/** The same for a decision. */
export function sizeOfOutcome(outcome: Outcome): number {
  const { flag, value, detail } = outcome;
  const size = typeof value === 'object' && value !== null ? sizeOfDefinition(value) : String(value).length;
  return 100 + flag.length + detail.length + size;
}

/** The same for all that a message says. */
export function sizeOfContent({ flags, segments, releases, decisions }: Content): number {
  let size = 0;
  for (const { flag, settings } of flags) size += sizeOfDefinition(flag) + sizeOfDefinition(settings);
  for (const { segment } of segments) size += sizeOfDefinition(segment);
  for (const { definition } of releases) size += sizeOfDefinition(definition);
  for (const outcome of decisions) size += sizeOfOutcome(outcome);
  return size;
}
