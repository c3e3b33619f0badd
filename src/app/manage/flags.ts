import type { ObjectId, Operation } from '../../core/change.ts';
import { FlagError, invalid } from '../../core/errors.ts';
import type { Flag, FlagStatus, FlagType, Instant, Variation } from '../../core/model.ts';
import { initialSettings } from '../../core/model.ts';
import { withoutMissed } from '../missed-changes.ts';
import type { ProjectState, Stored } from '../project-state.ts';
import type { Plan } from '../writer.ts';
import { existingEnvironment, existingFlag, existingProject, expectAbsent, expectLive } from './existing.ts';
import { expectVersion } from './expect-version.ts';
import { haltedValueWarning } from './halted-value.ts';

/** What the people who make a flag say about it. */
export type FlagContent = Omit<Flag, 'key' | 'createdAt' | 'updatedAt' | 'statusBeforeArchive'>;

export interface NewFlag extends FlagContent {
  readonly key: string;
  /** Where it is enabled from the start. */
  readonly enabledIn: readonly string[];
}

const ON_AND_OFF: readonly Variation[] = [
  { key: 'on', value: true },
  { key: 'off', value: false },
];

/** A boolean flag without variations gets `on` and `off`; the last variation is the default if none is named. */
export function createFlag({ enabledIn, ...content }: NewFlag): Plan {
  return (state, now) => {
    existingProject(state);
    expectAbsent(state.flags.get(content.key), `projects/${state.key}/flags/${content.key}`);
    if (content.status === 'archived') throw archivesOnTheSide();
    const isBare = content.type === 'boolean' && content.variations.length === 0;
    const variations = isBare ? ON_AND_OFF : content.variations;
    const defaultVariation = content.defaultVariation || (variations.at(-1)?.key ?? '');
    const flag: Flag = { ...content, variations, defaultVariation, createdAt: now, updatedAt: now };
    const enabled = [...new Set(enabledIn)].map((environment) => {
      const { state: live } = existingEnvironment(state, environment);
      expectLive(live, `projects/${state.key}/environments/${environment}`);
      return enabledFrom(now, environment, flag.key);
    });
    return { operations: [putFlag(flag), ...enabled] };
  };
}

/** `edit` gets the flag as it is and returns it as it shall be. Its key and type stay what they are. */
export function updateFlag(
  key: string,
  edit: (stored: Stored<Flag>) => Flag,
  expectedVersion?: number,
): Plan {
  return changeLiveFlag(key, expectedVersion, (flag, stored) => {
    const next = edit(stored);
    if (next.status === 'archived') throw archivesOnTheSide();
    if (next.type !== flag.type)
      throw invalid([{ path: 'flag.type', message: `cannot be changed; it is ${flag.type}` }]);
    return next;
  });
}

export function archiveFlag(key: string, expectedVersion?: number): Plan {
  return changeFlag(key, expectedVersion, (flag) =>
    flag.status === 'archived' ? flag : { ...flag, status: 'archived', statusBeforeArchive: flag.status },
  );
}

/** As the draft or active flag that it was. Scheduled changes that fell due while it was archived are dropped. */
export function restoreFlag(key: string, expectedVersion?: number): Plan {
  const restore = changeFlag(key, expectedVersion, ({ statusBeforeArchive = 'active', ...flag }) =>
    flag.status === 'archived' ? { ...flag, status: statusBeforeArchive } : flag,
  );
  return (state, now) => withoutMissed(state, restore(state, now), now);
}

/** With its settings in every environment. Refused unless it is archived. */
export function deleteFlag(key: string, expectedVersion?: number): Plan {
  return (state) => {
    const stored = existingFlag(state, key);
    expectVersion(stored, expectedVersion);
    if (stored.state.status !== 'archived')
      throw new FlagError('failed_precondition', `flag ${key} has to be archived before it is deleted`, {
        reason: 'FLAG_NOT_ARCHIVED',
        resource: `projects/${state.key}/flags/${key}`,
      });
    const environments = [...state.settings.keys()].filter((each) => state.settings.get(each)?.has(key));
    const ids: ObjectId[] = [
      { kind: 'flag', environment: '', key },
      ...environments.map((environment): ObjectId => ({ kind: 'settings', environment, key })),
    ];
    return { operations: ids.map((id): Operation => ({ op: 'delete', id })) };
  };
}

/** A plan that changes a flag that is not archived. */
export function changeLiveFlag(
  key: string,
  expectedVersion: number | undefined,
  change: (flag: Flag, stored: Stored<Flag>, state: ProjectState) => Flag,
): Plan {
  return changeFlag(key, expectedVersion, (flag, stored, state) => {
    expectUsable(state, flag);
    return change(flag, stored, state);
  });
}

/** Throws `failed_precondition` if the flag is archived: it has to be restored before it can be changed. */
export function expectUsable(state: ProjectState, { key, status }: Flag): void {
  expectLive({ archived: status === 'archived' }, `projects/${state.key}/flags/${key}`);
}

export interface FlagFilter {
  /** Empty: draft and active. */
  readonly statuses: readonly FlagStatus[];
  /** Empty: any. */
  readonly types: readonly FlagType[];
  /** All of these. */
  readonly tags: readonly string[];
  /** In the key, the name or the description, whatever the case. */
  readonly query: string;
  /** Empty: anybody. */
  readonly owner: string;
  readonly temporary: boolean | undefined;
  readonly clientVisible: boolean | undefined;
}

/** The flags that pass every part of the filter, in no order. */
export function flagsThat(state: ProjectState, filter: FlagFilter): Stored<Flag>[] {
  const query = filter.query.toLowerCase();
  const passes = ({ state: flag }: Stored<Flag>) =>
    (filter.statuses.length === 0 ? flag.status !== 'archived' : filter.statuses.includes(flag.status)) &&
    (filter.types.length === 0 || filter.types.includes(flag.type)) &&
    filter.tags.every((tag) => flag.tags.includes(tag)) &&
    (filter.owner === '' || flag.owner === filter.owner) &&
    (filter.temporary === undefined || flag.temporary === filter.temporary) &&
    (filter.clientVisible === undefined || flag.clientVisible === filter.clientVisible) &&
    [flag.key, flag.name, flag.description].some((text) => text.toLowerCase().includes(query));
  return [...state.flags.values()].filter(passes);
}

function changeFlag(
  key: string,
  expectedVersion: number | undefined,
  change: (flag: Flag, stored: Stored<Flag>, state: ProjectState) => Flag,
): Plan {
  return (state, now) => {
    const stored = existingFlag(state, key);
    expectVersion(stored, expectedVersion);
    const next = change(stored.state, stored, state);
    const warnings = [...state.settings].flatMap(([environment, table]) => {
      const settings = table.get(key)?.state ?? initialSettings(key);
      const before = { flag: stored.state, settings };
      return haltedValueWarning(environment, before, { flag: next, settings }) ?? [];
    });
    return { operations: [putFlag({ ...next, updatedAt: now })], warnings };
  };
}

function putFlag(flag: Flag): Operation {
  return { op: 'put', object: { kind: 'flag', state: flag } };
}

function enabledFrom(now: Instant, environment: string, flag: string): Operation {
  const settings = { ...initialSettings(flag), enabled: true, updatedAt: now };
  return { op: 'put', object: { kind: 'settings', environment, state: settings } };
}

function archivesOnTheSide(): FlagError {
  return invalid([{ path: 'flag.status', message: 'can be archived by ArchiveFlag only' }]);
}
