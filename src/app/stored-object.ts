import { z } from 'zod';
import type { ObjectState } from '../core/change.ts';
import type { Condition, Json, JsonObject } from '../core/model.ts';

/**
 * The shape of objects in the log. Strict: a field, operator or kind that this build does not know makes the
 * object unreadable, because half an understanding of a rule could serve the wrong people.
 */

const json = z.json() as z.ZodType<Json>;
const jsonObject = z.custom<JsonObject>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
);
const text = z.string();
const texts = z.array(text);
const weight = z.int().min(0).max(100_000);
const dates = { createdAt: text, updatedAt: text };

const operator = z.enum([
  'eq',
  'neq',
  'in',
  'not_in',
  'contains',
  'not_contains',
  'starts_with',
  'ends_with',
  'matches',
  'gt',
  'gte',
  'lt',
  'lte',
  'before',
  'after',
  'semver_eq',
  'semver_gt',
  'semver_gte',
  'semver_lt',
  'semver_lte',
  'in_cidr',
  'exists',
  'not_exists',
]);

const releaseGate = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('runtime_version'),
    operator: z.enum(['gt', 'gte', 'lt', 'lte']),
    version: text,
  }),
  z.strictObject({ kind: z.literal('branch'), branch: text }),
  z.strictObject({ kind: z.literal('updated_within'), days: z.number() }),
]);

const condition: z.ZodType<Condition> = z.lazy(() =>
  z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('all'), conditions: z.array(condition) }),
    z.strictObject({ kind: z.literal('any'), conditions: z.array(condition) }),
    z.strictObject({ kind: z.literal('not'), condition }),
    z.strictObject({ kind: z.literal('clause'), attribute: text, operator, values: z.array(json) }),
    z.strictObject({ kind: z.literal('segment'), segments: texts, negate: z.boolean() }),
    z.strictObject({ kind: z.literal('release'), gate: releaseGate }),
  ]),
);

const project = z.strictObject({ key: text, name: text, description: text, archived: z.boolean(), ...dates });

const variation = z.strictObject({
  key: text,
  value: json,
  name: text.exactOptional(),
  description: text.exactOptional(),
});

const flag = z.strictObject({
  key: text,
  name: text,
  description: text,
  tags: texts,
  owner: text,
  type: z.enum(['boolean', 'string', 'number', 'json']),
  variations: z.array(variation),
  defaultVariation: text,
  jsonSchema: jsonObject.exactOptional(),
  status: z.enum(['draft', 'active', 'archived']),
  statusBeforeArchive: z.enum(['draft', 'active']).exactOptional(),
  clientVisible: z.boolean(),
  temporary: z.boolean(),
  removalAt: text.exactOptional(),
  ...dates,
});

const serve = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('variation'), variation: text }),
  z.strictObject({
    kind: z.literal('split'),
    variations: z.array(z.strictObject({ variation: text, weight })),
  }),
]);

const ramp = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('steps'), steps: z.array(z.strictObject({ startsAt: text, weight })) }),
  z.strictObject({
    kind: z.literal('linear'),
    startsAt: text,
    endsAt: text,
    fromWeight: weight,
    toWeight: weight,
  }),
]);

const guard = z.strictObject({
  event: text,
  worse: z.enum(['higher', 'lower']),
  threshold: weight.exactOptional(),
  relativeRegression: z.number().exactOptional(),
  minimumSample: z.number(),
  windowSeconds: z.number(),
  stages: z.array(weight),
  onRegression: z.enum(['step_back', 'halt']),
});

const guardState = z.strictObject({ status: z.enum(['watching', 'resting']), since: text, note: text });

const rule = z.strictObject({
  id: text,
  name: text,
  priority: z.number(),
  condition: condition.exactOptional(),
  rollout: z.strictObject({ weight, salt: text.exactOptional() }).exactOptional(),
  serve,
  ramp: ramp.exactOptional(),
  recordExposures: z.boolean(),
  guard: guard.exactOptional(),
  guardState: guardState.exactOptional(),
});

const scheduledAction = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('enable') }),
  z.strictObject({ kind: z.literal('disable') }),
  z.strictObject({ kind: z.literal('halt'), reason: text }),
  z.strictObject({ kind: z.literal('resume') }),
  z.strictObject({ kind: z.literal('rollout'), ruleId: text, weight }),
  z.strictObject({ kind: z.literal('default_variation'), variation: text }),
]);

const settings = z.strictObject({
  flag: text,
  enabled: z.boolean(),
  halt: z.strictObject({ by: text, reason: text, at: text }).exactOptional(),
  defaultVariation: text.exactOptional(),
  prerequisites: z.array(z.strictObject({ flag: text, variations: texts })),
  targets: z.array(z.strictObject({ variation: text, keys: texts })),
  rules: z.array(rule),
  bucketBy: text.exactOptional(),
  salt: text.exactOptional(),
  hash: z.enum(['murmur3', 'sha256', 'fnv1a']),
  scheduledChanges: z.array(z.strictObject({ id: text, at: text, action: scheduledAction, by: text })),
  updatedAt: text.exactOptional(),
});

const segment = z.strictObject({
  key: text,
  name: text,
  description: text,
  included: texts,
  excluded: texts,
  condition: condition.exactOptional(),
  archived: z.boolean(),
  ...dates,
});

const release = z.strictObject({
  key: text,
  branch: text,
  runtimeVersion: text,
  rolloutWeight: weight,
  state: z.enum(['active', 'completed', 'rolled_back']),
  flags: z.array(z.strictObject({ flag: text, variation: text })),
  rolledBackFlags: texts,
  ...dates,
});

const key = z.strictObject({
  id: text,
  kind: z.enum(['server', 'web', 'admin']),
  name: text,
  environment: text.exactOptional(),
  scopes: z.array(z.enum(['read', 'write', 'halt', 'keys'])),
  allowedOrigins: texts,
  secretHash: text,
  expiresAt: text.exactOptional(),
  revokedAt: text.exactOptional(),
  createdAt: text,
});

const environment = project.extend({
  recording: z
    .strictObject({ disabled: z.boolean(), keptAttributes: texts, hashTargetingKeys: z.boolean() })
    .exactOptional(),
});

const objectState: z.ZodType<ObjectState> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('project'), state: project }),
  z.strictObject({ kind: z.literal('environment'), state: environment }),
  z.strictObject({ kind: z.literal('flag'), state: flag }),
  z.strictObject({ kind: z.literal('settings'), environment: text, state: settings }),
  z.strictObject({ kind: z.literal('segment'), state: segment }),
  z.strictObject({ kind: z.literal('release'), state: release }),
  z.strictObject({ kind: z.literal('key'), state: key }),
]);

/** What is wrong with the shape of an object that was read, or undefined. Never throws. */
export function shapeProblem(object: unknown): string | undefined {
  try {
    const result = objectState.safeParse(object);
    if (result.success) return undefined;
    const [issue] = result.error.issues;
    return issue === undefined ? 'unreadable' : `${issue.path.join('.')}: ${issue.message}`;
  } catch {
    return 'nested too deep';
  }
}
