import { canonicalJson } from '../../core/canonical-json.ts';
import type { Flag, FlagSettings } from '../../core/model.ts';

/** A flag with its settings in one environment. */
export interface FlagIn {
  readonly flag: Flag;
  readonly settings: FlagSettings;
}

/** A warning if an edit changes what a flag serves while it is halted, and so at once to everybody. */
export function haltedValueWarning(environment: string, before: FlagIn, after: FlagIn): string | undefined {
  if (before.settings.halt === undefined || after.settings.halt === undefined) return undefined;
  if (canonicalJson(servedBy(before)) === canonicalJson(servedBy(after))) return undefined;
  const { key } = servedBy(after);
  return `flag ${after.flag.key} is halted in ${environment}, and now serves ${key} as its default there`;
}

function servedBy({ flag, settings }: FlagIn) {
  const key = settings.defaultVariation ?? flag.defaultVariation;
  return { key, value: flag.variations.find((variation) => variation.key === key)?.value };
}
