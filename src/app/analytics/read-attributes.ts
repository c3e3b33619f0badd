import type { Condition, FlagSettings, ReleaseGate, Rule, Segment } from '../../core/model.ts';

/** Where to look up what definitions refer to. */
export interface Definitions {
  segment(key: string): Segment | undefined;
  settings(flag: string): FlagSettings | undefined;
}

/** What an answer depends on, besides the targeting key. */
export interface Dependence {
  /** In code point order. */
  readonly attributes: readonly string[];
  /** Targeting keys are also looked up in lists: targets, or the included and excluded of segments. */
  readonly listsKeys: boolean;
}

/** Everything that decides whether rules apply and where buckets come from, through segments and prerequisites. */
export function dependenceOf(
  start: readonly (Rule | FlagSettings)[],
  bucketBy: string | undefined,
  definitions: Definitions,
): Dependence {
  const found = new Finding(definitions);
  for (const each of start) {
    if ('rules' in each) found.settings(each);
    else found.rule(each, bucketBy);
  }
  return { attributes: [...found.attributes].sort(), listsKeys: found.listsKeys };
}

/** What any of them depends on. */
export function allDependence(each: readonly Dependence[]): Dependence {
  return {
    attributes: [...new Set(each.flatMap(({ attributes }) => attributes))].sort(),
    listsKeys: each.some(({ listsKeys }) => listsKeys),
  };
}

class Finding {
  readonly attributes = new Set<string>();
  listsKeys = false;
  readonly #definitions: Definitions;
  readonly #seen = new Set<string>();

  constructor(definitions: Definitions) {
    this.#definitions = definitions;
  }

  settings(settings: FlagSettings): void {
    if (settings.targets.length > 0) this.listsKeys = true;
    for (const rule of settings.rules) this.rule(rule, settings.bucketBy);
    for (const { flag } of settings.prerequisites)
      if (this.#isFirst(`flag ${flag}`)) {
        const prerequisite = this.#definitions.settings(flag);
        if (prerequisite !== undefined) this.settings(prerequisite);
      }
  }

  rule({ condition, rollout, ramp, serve }: Rule, bucketBy: string | undefined): void {
    if (condition !== undefined) this.#condition(condition);
    const hasBuckets = rollout !== undefined || ramp !== undefined || serve.kind === 'split';
    if (hasBuckets && bucketBy !== undefined && bucketBy !== '') this.#attribute(bucketBy);
  }

  #condition(condition: Condition): void {
    switch (condition.kind) {
      case 'all':
      case 'any':
        for (const each of condition.conditions) this.#condition(each);
        return;
      case 'not':
        this.#condition(condition.condition);
        return;
      case 'clause':
        this.#attribute(condition.attribute);
        return;
      case 'segment':
        for (const key of condition.segments) this.#segment(key);
        return;
      case 'release':
        this.#attribute(attributeOf(condition.gate));
        return;
    }
  }

  #segment(key: string): void {
    if (!this.#isFirst(`segment ${key}`)) return;
    const segment = this.#definitions.segment(key);
    if (segment === undefined) return;
    if (segment.included.length > 0 || segment.excluded.length > 0) this.listsKeys = true;
    if (segment.condition !== undefined) this.#condition(segment.condition);
  }

  #attribute(name: string): void {
    if (name === 'targeting_key' || name === 'targetingKey') this.listsKeys = true;
    else this.attributes.add(name);
  }

  #isFirst(name: string): boolean {
    if (this.#seen.has(name)) return false;
    this.#seen.add(name);
    return true;
  }
}

function attributeOf(gate: ReleaseGate): string {
  switch (gate.kind) {
    case 'runtime_version':
      return 'device.runtimeVersion';
    case 'branch':
      return 'device.branch';
    case 'updated_within':
      return 'device.updatedAt';
  }
}
