import type { ApiClient } from './client.ts';
import { type Collection, environmentOf, isFullName, keyOf, projectOf } from './names.ts';
import type { Settings } from './settings.ts';
import { UsageError } from './usage-error.ts';

/** Turns what was typed into resource names. What was not said is looked up on the server, once. */
export interface Scope {
  /** The project that was named, else the only one there is, else `default`. */
  project(): Promise<string>;
  /** The environment that was named, else `production` if there is one, else the only one. */
  environment(): Promise<string>;
  /** The full name of something in the project. */
  named(collection: Collection, text: string): Promise<string>;
  /** The full name of a flag's settings in the environment. */
  settings(flag: string): Promise<string>;
}

export function createScope(settings: Settings, client: ApiClient): Scope {
  let onlyProject: Promise<string> | undefined;
  const environments = new Map<string, Promise<string>>();

  const project = async (): Promise<string> => {
    if (settings.project !== undefined) {
      const { value } = settings.project;
      return isFullName(value, 'projects') ? value : `projects/${value}`;
    }
    const named = projectOf(settings.environment?.value ?? '');
    if (named !== undefined) return named;
    onlyProject ??= findProject(client);
    return onlyProject;
  };

  const environmentIn = async (parent: string): Promise<string> => {
    if (settings.environment !== undefined) {
      const { value } = settings.environment;
      return isFullName(value, 'environments') ? value : `${parent}/environments/${value}`;
    }
    const found = environments.get(parent) ?? findEnvironment(client, parent);
    environments.set(parent, found);
    return found;
  };

  const named = async (collection: Collection, text: string): Promise<string> =>
    isFullName(text, collection) ? text : `${await project()}/${collection}/${text}`;

  return {
    project,
    environment: async () => environmentIn(await project()),
    named,
    async settings(flag) {
      if (environmentOf(flag) !== undefined && isFullName(flag, 'settings')) return flag;
      const name = await named('flags', flag);
      const environment = await environmentIn(projectOf(name) ?? (await project()));
      return `${environment}/flags/${keyOf(name)}`;
    },
  };
}

async function findProject(client: ApiClient): Promise<string> {
  const { ProjectService } = await import('../../gen/vexil/v1/project_service_pb.ts');
  const { Code, ConnectError } = await import('@connectrpc/connect');
  try {
    const { projects } = await client.call(ProjectService.method.listProjects, { pageSize: 2 });
    const [only, ...others] = projects;
    return only !== undefined && others.length === 0 ? only.name : 'projects/default';
  } catch (error) {
    // A key that may not see projects can still be good for what was asked.
    if (error instanceof ConnectError && error.code === Code.PermissionDenied) return 'projects/default';
    throw error;
  }
}

async function findEnvironment(client: ApiClient, parent: string): Promise<string> {
  const { ProjectService } = await import('../../gen/vexil/v1/project_service_pb.ts');
  const { environments } = await client.call(ProjectService.method.listEnvironments, {
    parent,
    pageSize: 1000,
  });
  const production = environments.find(({ key }) => key === 'production');
  const [only, ...others] = environments;
  if (production === undefined && others.length > 0) {
    const keys = environments.map(({ key }) => key).join(', ');
    throw new UsageError(`say with --env which environment of ${parent} is meant: ${keys}`);
  }
  return production?.name ?? only?.name ?? `${parent}/environments/production`;
}
