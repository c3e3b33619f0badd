import { canonicalJson } from '../../core/canonical-json.ts';
import type { Flag, FlagSettings, Instant } from '../../core/model.ts';
import { halted, resumed } from '../../core/scheduled-action.ts';
import { blindGuards } from '../guards/blind-guards.ts';
import { type ProjectState, type Stored, settingsOf } from '../project-state.ts';
import type { Plan } from '../writer.ts';
import { clashes } from './clashes.ts';
import { existingEnvironment, existingFlag, expectLive } from './existing.ts';
import { expectVersion } from './expect-version.ts';
import { expectUsable } from './flags.ts';
import { haltedValueWarning } from './halted-value.ts';
import { withIds } from './rule-ids.ts';

/** Which settings are meant, and the version that the caller last saw, if they said so. */
export interface SettingsAt {
  readonly environment: string;
  readonly flag: string;
  readonly expectedVersion?: number | undefined;
}

/** What a change of settings may look at. */
export interface Surroundings {
  readonly flag: Flag;
  readonly now: Instant;
  readonly stored: Stored<FlagSettings>;
  /** Say something worth a second look. */
  warn(warning: string): void;
}

/** `edit` gets the settings as they are and returns them as they shall be; rules without an id get one. */
export function updateSettings(at: SettingsAt, edit: (stored: Stored<FlagSettings>) => FlagSettings): Plan {
  return changeSettings(at, (_settings, { stored }) => {
    const next = edit(stored);
    return { ...next, rules: withIds(next.rules) };
  });
}

export function enableFlag(at: SettingsAt): Plan {
  return changeSettings(at, (settings, { warn }) => {
    if (settings.halt !== undefined) warn(`flag ${at.flag} stays halted until it is resumed`);
    return { ...settings, enabled: true };
  });
}

export function disableFlag(at: SettingsAt): Plan {
  return changeSettings(at, (settings) => ({ ...settings, enabled: false }));
}

/** Halting a halted flag changes nothing: who halted it first, why and when are kept. */
export function haltFlag(at: SettingsAt, halt: { readonly by: string; readonly reason: string }): Plan {
  return changeSettings(at, (settings, { now }) => halted(settings, halt.by, halt.reason, now));
}

export function resumeFlag(at: SettingsAt): Plan {
  return changeSettings(at, resumed);
}

/** A plan that changes a flag in one environment, neither of which is archived, and warns of clashes with what is pending. */
export function changeSettings(
  at: SettingsAt,
  change: (settings: FlagSettings, surroundings: Surroundings) => FlagSettings,
): Plan {
  return (state, now) => {
    const { stored, flag, place } = settingsAt(state, at);
    const warnings: string[] = [];
    const warn = (warning: string) => void warnings.push(warning);
    const next = change(stored.state, { flag, now, stored, warn });
    const halted = haltedValueWarning(
      at.environment,
      { flag, settings: stored.state },
      { flag, settings: next },
    );
    warnings.push(...(halted === undefined ? [] : [halted]), ...clashes(stored.state, next));
    warnings.push(...blindGuards(place, stored.state, next));
    if (canonicalJson(next) === canonicalJson(stored.state)) return { operations: [], warnings };
    const settings: FlagSettings = { ...next, updatedAt: now };
    const object = { kind: 'settings', environment: at.environment, state: settings } as const;
    return { operations: [{ op: 'put', object }], warnings };
  };
}

function settingsAt(state: ProjectState, { environment, flag: key, expectedVersion }: SettingsAt) {
  const { state: place } = existingEnvironment(state, environment);
  expectLive(place, `projects/${state.key}/environments/${environment}`);
  const { state: flag } = existingFlag(state, key);
  expectUsable(state, flag);
  const stored = settingsOf(state, environment, key);
  expectVersion(stored, expectedVersion);
  return { stored, flag, place };
}
