import type { Command } from 'commander';
import { type Project, ProjectSchema, ProjectService } from '../../../gen/vexil/v1/project_service_pb.ts';
import { asked, type ChangeFlags, changeOptions, changing, collect, maskOf } from '../change-flags.ts';
import { addSteps, type Step } from '../lifecycle.ts';
import { isFullName, keyOf } from '../names.ts';
import { collectPages, pageSize } from '../pages.ts';
import type { OpenSession } from '../session.ts';
import { fields, table } from '../view/table.ts';
import { formatTime } from '../view/time.ts';

const { method } = ProjectService;

interface CreateFlags extends ChangeFlags {
  readonly name?: string;
  readonly description?: string;
  readonly environment?: readonly string[];
}

export function register(project: Command, open: OpenSession): void {
  registerReads(project, open);
  registerCreate(project, open);
  registerUpdate(project, open);
  addSteps(project, open, 'project', (_session, key) => projectName(key), steps);
}

function registerReads(project: Command, open: OpenSession): void {
  project
    .command('get')
    .argument('[project]', 'default: the current one')
    .description('Show a project.')
    .action(async (key: string | undefined, _options: object, command: Command) => {
      const session = await open(command);
      const name = key === undefined ? await session.scope.project() : projectName(key);
      const { project: found } = await session.call(method.getProject, { name });
      if (found !== undefined) await session.show(ProjectSchema, found, () => projectText(found));
    });
  project
    .command('list')
    .description('List projects.')
    .option('--archived', 'archived ones too')
    .action(async (options: { archived?: boolean }, command: Command) => {
      const session = await open(command);
      const showArchived = options.archived ?? false;
      const projects = await collectPages(async (pageToken) => {
        const page = await session.call(method.listProjects, { pageSize, pageToken, showArchived });
        return { items: page.projects, nextPageToken: page.nextPageToken };
      });
      await session.showAll(ProjectSchema, projects, () => projectTable(projects));
    });
}

function registerCreate(project: Command, open: OpenSession): void {
  changing(project.command('create'))
    .argument('<key>', 'lowercase letters, digits and hyphens')
    .description('Make a project.')
    .option('--name <text>', 'its name for people')
    .option('--description <text>')
    .option('--environment <key>', 'an environment to begin with; default: production and staging', collect)
    .action(async (key: string, options: CreateFlags, command: Command) => {
      const session = await open(command);
      const input = {
        projectId: key,
        project: { displayName: options.name ?? '', description: options.description ?? '' },
        environmentIds: [...(options.environment ?? [])],
        options: changeOptions(options),
      };
      const deed = { subject: `project ${key}`, done: 'created', ...asked(options) };
      await session.change(method.createProject, input, deed);
    });
}

function registerUpdate(project: Command, open: OpenSession): void {
  changing(project.command('update'))
    .argument('<project>')
    .description('Change how a project is described.')
    .option('--name <text>', 'its name for people')
    .option('--description <text>')
    .action(async (key: string, options: CreateFlags, command: Command) => {
      const session = await open(command);
      const updateMask = maskOf({ display_name: options.name, description: options.description });
      const input = {
        project: {
          name: projectName(key),
          displayName: options.name ?? '',
          description: options.description ?? '',
        },
        updateMask,
        options: changeOptions(options),
      };
      const deed = { subject: `project ${keyOf(key)}`, done: 'updated', ...asked(options) };
      await session.change(method.updateProject, input, deed);
    });
}

const steps: readonly Step[] = [
  {
    verb: 'archive',
    done: 'archived',
    description: 'Hide a project and evaluate nothing in it until it is restored.',
    asks: true,
    act: (session, input, deed) => session.change(method.archiveProject, input, deed),
  },
  {
    verb: 'restore',
    done: 'restored',
    description: 'Bring an archived project back.',
    act: (session, input, deed) => session.change(method.restoreProject, input, deed),
  },
  {
    verb: 'delete',
    done: 'deleted',
    description: 'Delete an archived project for good.',
    asks: true,
    act: (session, input, deed) => session.change(method.deleteProject, input, deed),
  },
];

function projectName(key: string): string {
  return isFullName(key, 'projects') ? key : `projects/${key}`;
}

function projectTable(projects: readonly Project[]): string {
  const rows = projects.map((one) => [
    one.key,
    one.displayName,
    one.archived ? 'archived' : 'active',
    String(one.revision),
    formatTime(one.createTime),
  ]);
  return table(['KEY', 'NAME', 'STATE', 'REVISION', 'CREATED'], rows);
}

function projectText(project: Project): string {
  return fields([
    ['project', project.key],
    ['name', project.displayName],
    ['description', project.description],
    ['state', project.archived ? 'archived' : 'active'],
    ['revision', String(project.revision)],
    ['created', formatTime(project.createTime)],
    ['updated', formatTime(project.updateTime)],
  ]);
}
