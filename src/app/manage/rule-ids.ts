import type { Rule } from '../../core/model.ts';

/** The same rules; those without an id get one that none of the others has. */
export function withIds(rules: readonly Rule[]): Rule[] {
  const taken = new Set(rules.map(({ id }) => id));
  return rules.map((rule) => {
    if (rule.id !== '') return rule;
    const id = freeId('rule', taken);
    taken.add(id);
    return { ...rule, id };
  });
}

/** `rule-<n>`, with the first n that makes an id of its own. */
export function freeId(prefix: string, taken: ReadonlySet<string>): string {
  for (let number = 1; ; number++) {
    const id = `${prefix}-${number}`;
    if (!taken.has(id)) return id;
  }
}
