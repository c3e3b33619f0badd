import type { Scenario } from '../vectors/load.ts';
import type { Calls } from './calls.ts';
import { isMessage, type Message } from './stock-protos.ts';

/** Makes what a scenario of the vectors holds, with the calls that people would make. Rejects if one is refused. */
export async function makeScenario(calls: Calls, parent: string, scenario: Scenario): Promise<void> {
  const { flags, segments = [], releases = [] } = scenario;
  const environment = `${parent}/environments/production`;
  for (const { key } of segments) await calls.ok('SegmentService/CreateSegment', { parent, segmentId: key });
  for (const { key, condition, included = [], excluded = [] } of segments) {
    const segment = {
      included,
      excluded,
      ...(condition !== undefined && { condition: conditionOf(condition) }),
    };
    await calls.ok('SegmentService/UpdateSegment', {
      ...{ segment: { name: `${parent}/segments/${key}`, ...segment }, updateMask: '*' },
    });
  }
  for (const flag of flags)
    await calls.ok('FlagService/CreateFlag', {
      ...{ parent, flagId: flag.key, flag: flagOf({ ...flag }) },
      ...(flag.settings?.enabled !== false && { enabledEnvironments: ['production'] }),
    });
  for (const { key, settings } of flags)
    if (settings !== undefined)
      await calls.ok('FlagService/UpdateFlagSettings', {
        settings: { name: `${environment}/flags/${key}`, ...settingsOf({ ...settings }) },
      });
  for (const release of releases) await makeRelease(calls, parent, { ...release });
  for (const { key, settings } of flags)
    if (settings?.halt !== undefined)
      await calls.ok('FlagService/HaltFlag', {
        ...{ name: `${environment}/flags/${key}`, reason: settings.halt.reason },
      });
  for (const { key, status } of flags)
    if (status === 'archived') await calls.ok('FlagService/ArchiveFlag', { name: `${parent}/flags/${key}` });
}

/** The condition as a request has it. */
export function conditionOf(condition: unknown): Message {
  const { kind, ...content }: Message = isMessage(condition) ? condition : {};
  switch (kind) {
    case 'all':
    case 'any':
      return { [kind]: { conditions: listOf(content.conditions).map(conditionOf) } };
    case 'not':
      return { not: conditionOf(content.condition) };
    case 'clause':
      return { clause: { ...content, operator: operatorOf(content.operator) } };
    case 'segment':
      return { segment: content };
    case 'release':
      return { release: gateOf(content.gate) };
    default:
      return { [String(kind)]: content };
  }
}

export function operatorOf(operator: unknown): string {
  return `OPERATOR_${String(operator).toUpperCase()}`;
}

function gateOf(gate: unknown): Message {
  const { kind, ...content }: Message = isMessage(gate) ? gate : {};
  switch (kind) {
    case 'runtime_version':
      return { runtimeVersion: { ...content, operator: operatorOf(content.operator) } };
    case 'updated_within':
      return { updatedWithinDays: content.days };
    default:
      return content;
  }
}

function flagOf({ type = 'boolean', status = 'active', variations, defaultVariation }: Message): Message {
  return {
    type: `FLAG_TYPE_${String(type).toUpperCase()}`,
    status: `FLAG_STATUS_${String(status === 'archived' ? 'active' : status).toUpperCase()}`,
    defaultVariation: defaultVariation ?? 'off',
    variations: variations ?? [
      { key: 'on', value: true },
      { key: 'off', value: false },
    ],
  };
}

function settingsOf({ rules, targets, hash, enabled: _enabled, halt: _halt, ...same }: Message): Message {
  return {
    ...same,
    ...(hash !== undefined && { hash: `HASH_ALGORITHM_${String(hash).toUpperCase()}` }),
    targets: listOf(targets).map(({ variation, keys }) => ({ variation, targetingKeys: keys })),
    rules: listOf(rules).map(ruleOf),
  };
}

function ruleOf(rule: Message, index: number): Message {
  const { condition, serve, ramp, recordExposures, name: _name, ...same } = rule;
  return {
    ...{ id: `r${index}`, priority: index },
    ...same,
    serve: serveOf(isMessage(serve) ? serve : { kind: 'variation', variation: 'on' }),
    ...(condition !== undefined && { condition: conditionOf(condition) }),
    ...(isMessage(ramp) && { ramp: rampOf(ramp) }),
    ...(recordExposures === false && { exposure: { disabled: true } }),
  };
}

function serveOf({ kind, ...content }: Message): Message {
  return kind === 'split' ? { split: content } : content;
}

function rampOf({ kind, steps, startsAt, endsAt, ...same }: Message): Message {
  return kind === 'steps'
    ? { steps: { steps: listOf(steps).map((step) => ({ startTime: step.startsAt, weight: step.weight })) } }
    : { linear: { ...same, startTime: startsAt, endTime: endsAt } };
}

async function makeRelease(calls: Calls, parent: string, release: Message): Promise<void> {
  const { key, state, rolledBackFlags, flags, branch = 'main' } = release;
  const name = `${parent}/releases/${key}`;
  await calls.ok('ReleaseService/CreateRelease', {
    ...{ parent, releaseId: key },
    release: {
      branch,
      flags: Object.fromEntries(listOf(flags).map(({ flag, variation }) => [flag, variation])),
    },
  });
  for (const flag of Array.isArray(rolledBackFlags) ? rolledBackFlags : [])
    await calls.ok('ReleaseService/RollBackRelease', { name, flag });
  if (state === 'completed') await calls.ok('ReleaseService/CompleteRelease', { name });
  if (state === 'rolled_back') await calls.ok('ReleaseService/RollBackRelease', { name });
}

function listOf(value: unknown): Message[] {
  return Array.isArray(value) ? value.filter(isMessage) : [];
}
