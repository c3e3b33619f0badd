import type { Command } from 'commander';
import {
  type Environment,
  EnvironmentSchema,
  ProjectService,
} from '../../../gen/vexil/v1/project_service_pb.ts';
import { asked, type ChangeFlags, changeOptions, changing, maskOf } from '../change-flags.ts';
import { addSteps, type Step } from '../lifecycle.ts';
import { keyOf } from '../names.ts';
import { collectPages, pageSize } from '../pages.ts';
import { type RecordingFlags, recordingAsked, recordingOptions, recordingText } from '../recording-flags.ts';
import type { OpenSession } from '../session.ts';
import { fields, table } from '../view/table.ts';
import { formatTime } from '../view/time.ts';

const { method } = ProjectService;

interface DescribeFlags extends ChangeFlags {
  readonly name?: string;
  readonly description?: string;
}

const steps: readonly Step[] = [
  {
    verb: 'archive',
    done: 'archived',
    description: 'Evaluate nothing in an environment until it is restored.',
    asks: true,
    act: (session, input, deed) => session.change(method.archiveEnvironment, input, deed),
  },
  {
    verb: 'restore',
    done: 'restored',
    description: 'Bring an archived environment back.',
    act: (session, input, deed) => session.change(method.restoreEnvironment, input, deed),
  },
  {
    verb: 'delete',
    done: 'deleted',
    description: 'Delete an archived environment, with the settings and keys in it.',
    asks: true,
    act: (session, input, deed) => session.change(method.deleteEnvironment, input, deed),
  },
];

export function register(env: Command, open: OpenSession): void {
  registerReads(env, open);
  registerCreate(env, open);
  registerUpdate(env, open);
  addSteps(env, open, 'environment', (session, key) => session.scope.named('environments', key), steps);
}

function registerReads(env: Command, open: OpenSession): void {
  env
    .command('get')
    .argument('[environment]', 'default: the current one')
    .description('Show an environment.')
    .action(async (key: string | undefined, _options: object, command: Command) => {
      const session = await open(command);
      const { scope } = session;
      const name = key === undefined ? await scope.environment() : await scope.named('environments', key);
      const { environment } = await session.call(method.getEnvironment, { name });
      if (environment !== undefined) {
        await session.show(EnvironmentSchema, environment, () => environmentText(environment));
      }
    });
  env
    .command('list')
    .description('List the environments of a project.')
    .option('--archived', 'archived ones too')
    .action(async (options: { archived?: boolean }, command: Command) => {
      const session = await open(command);
      const parent = await session.scope.project();
      const showArchived = options.archived ?? false;
      const environments = await collectPages(async (pageToken) => {
        const page = await session.call(method.listEnvironments, {
          parent,
          pageSize,
          pageToken,
          showArchived,
        });
        return { items: page.environments, nextPageToken: page.nextPageToken };
      });
      await session.showAll(EnvironmentSchema, environments, () => environmentTable(environments));
    });
}

function registerCreate(env: Command, open: OpenSession): void {
  changing(env.command('create'))
    .argument('<key>', 'lowercase letters, digits and hyphens')
    .description('Make an environment.')
    .option('--name <text>', 'its name for people')
    .option('--description <text>')
    .option('--copy-from <environment>', 'start with the settings of another one')
    .action(async (key: string, options: DescribeFlags & { copyFrom?: string }, command: Command) => {
      const session = await open(command);
      const { copyFrom } = options;
      const input = {
        parent: await session.scope.project(),
        environmentId: key,
        environment: { displayName: options.name ?? '', description: options.description ?? '' },
        copyFrom: copyFrom === undefined ? '' : await session.scope.named('environments', copyFrom),
        options: changeOptions(options),
      };
      const deed = { subject: `environment ${key}`, done: 'created', ...asked(options) };
      await session.change(method.createEnvironment, input, deed);
    });
}

function registerUpdate(env: Command, open: OpenSession): void {
  const update = changing(env.command('update'))
    .argument('<environment>')
    .description('Change how an environment is described, or how it is recorded.')
    .option('--name <text>', 'its name for people')
    .option('--description <text>');
  recordingOptions(update).action(
    async (key: string, options: DescribeFlags & RecordingFlags, command: Command) => {
      const session = await open(command);
      const name = await session.scope.named('environments', key);
      const recording = await recordingAsked(session, name, options);
      const updateMask = maskOf({
        ...{ display_name: options.name, description: options.description },
        recording: recording?.recording,
      });
      const input = {
        environment: {
          ...{ name, displayName: options.name ?? '', description: options.description ?? '' },
          ...recording,
        },
        updateMask,
        options: changeOptions(options),
      };
      const deed = { subject: `environment ${keyOf(name)}`, done: 'updated', ...asked(options) };
      await session.change(method.updateEnvironment, input, deed);
    },
  );
}

function environmentTable(environments: readonly Environment[]): string {
  const rows = environments.map((one) => [
    one.key,
    one.displayName,
    one.archived ? 'archived' : 'active',
    formatTime(one.createTime),
  ]);
  return table(['KEY', 'NAME', 'STATE', 'CREATED'], rows);
}

function environmentText(environment: Environment): string {
  return fields([
    ['environment', environment.key],
    ['of', environment.name.split('/')[1] ?? ''],
    ['name', environment.displayName],
    ['description', environment.description],
    ['state', environment.archived ? 'archived' : 'active'],
    ['recording', recordingText(environment.recording)],
    ['version', String(environment.version)],
    ['created', formatTime(environment.createTime)],
    ['updated', formatTime(environment.updateTime)],
  ]);
}
