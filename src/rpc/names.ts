import { SYSTEM } from '../app/principal.ts';
import type { ObjectId } from '../core/change.ts';
import { invalid } from '../core/errors.ts';

/**
 * Resource names, such as `projects/shop/environments/production/flags/checkout`: made here, and taken apart
 * here. A parser throws `invalid` about `field` for anything that it could not have made.
 */

const KEY = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const KEY_ID = /^[0-9A-Za-z]{1,64}$/;
const REVISION = /^[1-9][0-9]{0,15}$/;

const KEY_RULE = 'must be 1 to 63 lowercase letters, digits and hyphens, with no hyphen at either end';

/** Whether a resource could have this key. */
export function isKey(text: string): boolean {
  return KEY.test(text);
}

/** The key itself; throws `invalid` about `field` unless it is one that a resource can have. */
export function checkedKey(key: string, field: string): string {
  if (!isKey(key)) throw invalid([{ path: field, message: KEY_RULE }]);
  return key;
}

export function projectName(project: string): string {
  return `projects/${project}`;
}

export function environmentName(project: string, environment: string): string {
  return `projects/${project}/environments/${environment}`;
}

export function flagName(project: string, flag: string): string {
  return `projects/${project}/flags/${flag}`;
}

export function settingsName(project: string, environment: string, flag: string): string {
  return `projects/${project}/environments/${environment}/flags/${flag}`;
}

export function segmentName(project: string, segment: string): string {
  return `projects/${project}/segments/${segment}`;
}

export function releaseName(project: string, release: string): string {
  return `projects/${project}/releases/${release}`;
}

/** `keys/{key}` for a key to the whole instance, which belongs to `SYSTEM`. */
export function keyName(project: string, id: string): string {
  return project === SYSTEM ? `keys/${id}` : `projects/${project}/keys/${id}`;
}

export function revisionName(project: string, revision: number): string {
  return `projects/${project}/revisions/${revision}`;
}

/** The resource name of any object of a project. */
export function objectName(project: string, id: ObjectId): string {
  switch (id.kind) {
    case 'project':
      return projectName(project);
    case 'environment':
      return environmentName(project, id.key);
    case 'flag':
      return flagName(project, id.key);
    case 'settings':
      return settingsName(project, id.environment, id.key);
    case 'segment':
      return segmentName(project, id.key);
    case 'release':
      return releaseName(project, id.key);
    case 'key':
      return keyName(project, id.key);
  }
}

export function parseProject(name: string, field: string): string {
  const [project = ''] = parts(name, field, 'projects/{project}');
  return project;
}

/** The project whose log is meant; `projects/_system` is the one that holds the keys to the whole instance. */
export function parseLog(name: string, field: string): string {
  return name === projectName(SYSTEM) ? SYSTEM : parseProject(name, field);
}

export function parseEnvironment(name: string, field: string): { project: string; environment: string } {
  const [project = '', environment = ''] = parts(
    name,
    field,
    'projects/{project}/environments/{environment}',
  );
  return { project, environment };
}

export function parseFlag(name: string, field: string): { project: string; flag: string } {
  const [project = '', flag = ''] = parts(name, field, 'projects/{project}/flags/{flag}');
  return { project, flag };
}

export function parseSettings(
  name: string,
  field: string,
): { project: string; environment: string; flag: string } {
  const pattern = 'projects/{project}/environments/{environment}/flags/{flag}';
  const [project = '', environment = '', flag = ''] = parts(name, field, pattern);
  return { project, environment, flag };
}

export function parseSegment(name: string, field: string): { project: string; segment: string } {
  const [project = '', segment = ''] = parts(name, field, 'projects/{project}/segments/{segment}');
  return { project, segment };
}

export function parseRelease(name: string, field: string): { project: string; release: string } {
  const [project = '', release = ''] = parts(name, field, 'projects/{project}/releases/{release}');
  return { project, release };
}

/** The project is `SYSTEM` for `keys/{key}`. */
export function parseKey(name: string, field: string): { project: string; id: string } {
  if (!name.startsWith('keys/')) {
    const [project = '', id = ''] = parts(name, field, 'projects/{project}/keys/{key}');
    return { project, id };
  }
  const [id = ''] = parts(name, field, 'keys/{key}');
  return { project: SYSTEM, id };
}

export function parseRevision(name: string, field: string): { project: string; revision: number } {
  const system = `projects/${SYSTEM}/`;
  if (name.startsWith(system)) {
    const [revision = ''] = parts(name.slice(system.length), field, 'revisions/{revision}');
    return { project: SYSTEM, revision: Number(revision) };
  }
  const [project = '', revision = ''] = parts(name, field, 'projects/{project}/revisions/{revision}');
  return { project, revision: Number(revision) };
}

type ObjectParser = (name: string, field: string) => { project: string; id: ObjectId };

/** By collection; a flag's settings and the project itself are told by the length of their names. */
const OBJECT_PARSERS: ReadonlyMap<string, ObjectParser> = new Map<string, ObjectParser>([
  [
    'environments',
    (name, field) => {
      const { project, environment } = parseEnvironment(name, field);
      return { project, id: { kind: 'environment', environment: '', key: environment } };
    },
  ],
  [
    'flags',
    (name, field) => {
      const { project, flag } = parseFlag(name, field);
      return { project, id: { kind: 'flag', environment: '', key: flag } };
    },
  ],
  [
    'segments',
    (name, field) => {
      const { project, segment } = parseSegment(name, field);
      return { project, id: { kind: 'segment', environment: '', key: segment } };
    },
  ],
  [
    'releases',
    (name, field) => {
      const { project, release } = parseRelease(name, field);
      return { project, id: { kind: 'release', environment: '', key: release } };
    },
  ],
  [
    'keys',
    (name, field) => {
      const { project, id } = parseKey(name, field);
      return { project, id: { kind: 'key', environment: '', key: id } };
    },
  ],
]);

/** Takes apart the name of any object that a project's log is about. */
export function parseObject(name: string, field: string): { project: string; id: ObjectId } {
  const segments = name.split('/');
  if (segments.length === 6) {
    const { project, environment, flag } = parseSettings(name, field);
    return { project, id: { kind: 'settings', environment, key: flag } };
  }
  const collection = name.startsWith('keys/') ? 'keys' : segments[2];
  const parse = OBJECT_PARSERS.get(collection ?? '');
  if (parse !== undefined) return parse(name, field);
  const project = parseProject(name, field);
  return { project, id: { kind: 'project', environment: '', key: project } };
}

/** The variable parts of a name of this pattern, in its order. */
function parts(name: string, field: string, pattern: string): string[] {
  const expected = pattern.split('/');
  const actual = name.split('/', expected.length + 1);
  const fits =
    actual.length === expected.length &&
    expected.every((part, index) => {
      const value = actual[index] ?? '';
      if (part === '{key}') return KEY_ID.test(value);
      if (part === '{revision}') return REVISION.test(value);
      return part.startsWith('{') ? KEY.test(value) : part === value;
    });
  if (!fits) throw invalid([{ path: field, message: `must be of the form ${pattern}` }]);
  return actual.filter((_, index) => expected[index]?.startsWith('{'));
}
