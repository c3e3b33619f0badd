import { applyOperations, emptyState, type ProjectState } from '../../../src/app/project-state.ts';
import type { Plan } from '../../../src/app/writer.ts';
import type { ObjectState } from '../../../src/core/change.ts';
import { FlagError } from '../../../src/core/errors.ts';
import type { Flag, FlagSettings, Instant } from '../../../src/core/model.ts';
import { initialSettings } from '../../../src/core/model.ts';

export const NOW: Instant = '2026-03-01T12:00:00.000Z';
export const LATER: Instant = '2026-03-02T12:00:00.000Z';

const described = { name: '', description: '', archived: false, createdAt: NOW, updatedAt: NOW };

export const checkout: Flag = {
  key: 'checkout',
  name: 'Checkout',
  description: '',
  tags: [],
  owner: '',
  type: 'boolean',
  variations: [
    { key: 'on', value: true },
    { key: 'off', value: false },
  ],
  defaultVariation: 'off',
  status: 'active',
  clientVisible: false,
  temporary: false,
  createdAt: NOW,
  updatedAt: NOW,
};

/** The project `shop` at revision 1, with `production`, `staging` and these objects. */
export function shop(...objects: ObjectState[]): ProjectState {
  const all: ObjectState[] = [
    { kind: 'project', state: { key: 'shop', ...described } },
    { kind: 'environment', state: { key: 'production', ...described } },
    { kind: 'environment', state: { key: 'staging', ...described } },
    ...objects,
  ];
  const operations = all.map((object) => ({ op: 'put', object }) as const);
  return { ...applyOperations(emptyState('shop'), operations, 1), revision: 1 };
}

/** The shop with the flag `checkout`, and in production these settings of it. */
export function shopWith(settings: Partial<FlagSettings> = {}, flag: Partial<Flag> = {}): ProjectState {
  return shop(
    { kind: 'flag', state: { ...checkout, ...flag } },
    { kind: 'settings', environment: 'production', state: { ...initialSettings('checkout'), ...settings } },
  );
}

/** The next revision of the project, as this plan makes it. */
export function carryOut(state: ProjectState, plan: Plan, now: Instant = NOW) {
  const { operations, warnings = [] } = plan(state, now);
  const revision = state.revision + 1;
  const next: ProjectState = { ...applyOperations(state, operations, revision), revision };
  return { state: next, operations, warnings };
}

export function settingsIn(state: ProjectState, environment = 'production'): FlagSettings {
  const stored = state.settings.get(environment)?.get('checkout');
  if (stored === undefined) throw new Error(`no settings in ${environment}`);
  return stored.state;
}

/** How the plan is refused: kind and reason, with the path of a mistake. */
export function refusal(state: ProjectState, plan: Plan, now: Instant = NOW): string {
  try {
    plan(state, now);
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    const path = error.details.violations?.[0]?.path;
    return [error.kind, error.details.reason, path].filter((part) => part !== undefined).join(' ');
  }
  return 'not refused';
}
