import type { Command } from 'commander';
import { ReleaseSchema, ReleaseState } from '../../../gen/vexil/v1/definitions_pb.ts';
import { ReleaseService } from '../../../gen/vexil/v1/release_service_pb.ts';
import {
  asked,
  type ChangeFlags,
  changeOptions,
  changing,
  collect,
  confirm,
  type DestructiveFlags,
  destructive,
} from '../change-flags.ts';
import { addSteps, type Step } from '../lifecycle.ts';
import { keyOf } from '../names.ts';
import { collectPages, pageSize } from '../pages.ts';
import { parseEnum } from '../parse/enumeration.ts';
import { parsePercent } from '../parse/percent.ts';
import { parsePair } from '../parse/value.ts';
import type { OpenSession } from '../session.ts';
import { releaseTable, releaseText } from '../view/release.ts';

const { method } = ReleaseService;

interface CreateFlags extends ChangeFlags {
  readonly branch?: string;
  readonly runtimeVersion?: string;
  readonly rollout?: string;
  readonly flag?: readonly string[];
}

const steps: readonly Step[] = [
  {
    verb: 'complete',
    done: 'completed',
    description: 'Hand the flags of a release over to ordinary management.',
    act: (session, input, deed) => session.change(method.completeRelease, input, deed),
  },
  {
    verb: 'delete',
    done: 'deleted',
    description: 'Delete a release.',
    asks: true,
    act: (session, input, deed) => session.change(method.deleteRelease, input, deed),
  },
];

export function register(release: Command, open: OpenSession): void {
  registerReads(release, open);
  registerCreate(release, open);
  addSteps(release, open, 'release', (session, key) => session.scope.named('releases', key), steps);
  registerRollBacks(release, open);
}

function registerReads(release: Command, open: OpenSession): void {
  release
    .command('get')
    .argument('<release>')
    .description('Show a release.')
    .action(async (key: string, _options: object, command: Command) => {
      const session = await open(command);
      const name = await session.scope.named('releases', key);
      const { release: found } = await session.call(method.getRelease, { name });
      if (found !== undefined) await session.show(ReleaseSchema, found, () => releaseText(found));
    });
  release
    .command('list')
    .description('List releases.')
    .option('--branch <branch>')
    .option('--state <state>', 'active, completed or rolled-back (repeatable)', collect)
    .action(async (options: { branch?: string; state?: string[] }, command: Command) => {
      const states = (options.state ?? []).map((word) => parseEnum(ReleaseState, word));
      const session = await open(command);
      const filter = {
        parent: await session.scope.project(),
        branch: options.branch ?? '',
        states,
        pageSize,
      };
      const releases = await collectPages(async (pageToken) => {
        const page = await session.call(method.listReleases, { ...filter, pageToken });
        return { items: page.releases, nextPageToken: page.nextPageToken };
      });
      await session.showAll(ReleaseSchema, releases, () => releaseTable(releases));
    });
}

function registerCreate(release: Command, open: OpenSession): void {
  changing(release.command('create'))
    .argument('<key>')
    .description('Make a release: whoever runs it gets these variations of these flags.')
    .option('--branch <branch>')
    .option('--runtime-version <version>')
    .option('--rollout <percentage>', 'how many devices it is offered to')
    .option('--flag <flag=variation>', '(repeatable)', collect)
    .action(async (key: string, options: CreateFlags, command: Command) => {
      const flags = (options.flag ?? []).map((text) =>
        parsePair(text, 'a flag of a release is given as flag=variation'),
      );
      const { branch = '', runtimeVersion = '', rollout = '100' } = options;
      const rolloutWeight = parsePercent(rollout);
      const session = await open(command);
      const input = {
        parent: await session.scope.project(),
        releaseId: key,
        release: { branch, runtimeVersion, rolloutWeight, flags: Object.fromEntries(flags) },
        options: changeOptions(options),
      };
      const deed = { subject: `release ${key}`, done: 'created', ...asked(options) };
      await session.change(method.createRelease, input, deed);
    });
}

function registerRollBacks(release: Command, open: OpenSession): void {
  destructive(release.command('rollback'))
    .argument('<release>')
    .description('Take the flags of a release back, or one of them.')
    .option('--flag <flag>', 'this flag alone')
    .action(async (key: string, options: DestructiveFlags & { flag?: string }, command: Command) => {
      const session = await open(command);
      const name = await session.scope.named('releases', key);
      const flag = keyOf(options.flag ?? '');
      const subject = flag === '' ? `release ${keyOf(name)}` : `flag ${flag} of release ${keyOf(name)}`;
      await confirm(session, options, `Roll back ${subject}?`);
      const deed = { subject, done: 'rolled back', ...asked(options) };
      await session.change(method.rollBackRelease, { name, flag, options: changeOptions(options) }, deed);
    });
  destructive(release.command('rollback-branch'))
    .argument('<branch>')
    .description('Roll back every active release of a branch at once.')
    .action(async (branch: string, options: DestructiveFlags, command: Command) => {
      const session = await open(command);
      const subject = `every release of branch ${branch}`;
      await confirm(session, options, `Roll back ${subject}?`);
      const parent = await session.scope.project();
      const deed = { subject, done: 'rolled back', ...asked(options) };
      const input = { parent, branch, options: changeOptions(options) };
      await session.change(method.rollBackBranch, input, deed);
    });
}
