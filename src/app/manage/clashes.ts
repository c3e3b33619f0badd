import type { FlagSettings, ScheduledAction, ScheduledChange } from '../../core/model.ts';

/** What a scheduled action is about, as text for people. */
interface Effect {
  readonly subject: string;
  /** What it will be afterwards. */
  readonly value: string;
  /** What it is in these settings; undefined if they have no such thing. */
  readonly valueIn: (settings: FlagSettings) => string | undefined;
}

/**
 * Warnings about changes that were scheduled before this edit, are still pending after it, and will undo what it
 * does or cannot happen any more. Earliest first.
 */
export function clashes(before: FlagSettings, after: FlagSettings): string[] {
  const earlier = new Set(before.scheduledChanges.map(({ id }) => id));
  return after.scheduledChanges
    .filter(({ id }) => earlier.has(id))
    .toSorted((a, b) => (a.at < b.at ? -1 : 1))
    .flatMap((change) => clash(before, after, change) ?? []);
}

function clash(
  before: FlagSettings,
  after: FlagSettings,
  { id, at, action }: ScheduledChange,
): string | undefined {
  const { subject, value, valueIn } = effectOf(action);
  const is = valueIn(after);
  if (is === valueIn(before) || is === value) return undefined;
  return is === undefined
    ? `scheduled change ${id} can no longer set ${subject} to ${value} at ${at}`
    : `scheduled change ${id} will set ${subject} to ${value} at ${at}`;
}

function effectOf(action: ScheduledAction): Effect {
  switch (action.kind) {
    case 'enable':
    case 'disable':
      return {
        subject: 'enabled',
        value: String(action.kind === 'enable'),
        valueIn: ({ enabled }) => String(enabled),
      };
    case 'halt':
    case 'resume':
      return {
        subject: 'halted',
        value: String(action.kind === 'halt'),
        valueIn: ({ halt }) => String(halt !== undefined),
      };
    case 'rollout':
      return {
        subject: `the rollout of rule ${action.ruleId}`,
        value: percentOf(action.weight),
        valueIn: (settings) => rolloutIn(settings, action.ruleId),
      };
    case 'default_variation':
      return {
        subject: 'the default variation',
        value: action.variation,
        valueIn: ({ defaultVariation }) => defaultVariation ?? '',
      };
  }
}

function rolloutIn({ rules }: FlagSettings, ruleId: string): string | undefined {
  const rule = rules.find(({ id }) => id === ruleId);
  if (rule === undefined) return undefined;
  const own = rule.rollout === undefined ? 'everybody' : percentOf(rule.rollout.weight);
  return rule.ramp === undefined ? own : `${own}, then ${JSON.stringify(rule.ramp)}`;
}

function percentOf(weight: number): string {
  return `${weight / 1000}%`;
}
