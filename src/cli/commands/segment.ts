import { create } from '@bufbuild/protobuf';
import type { Command } from 'commander';
import { type Segment, SegmentSchema } from '../../../gen/vexil/v1/definitions_pb.ts';
import { SegmentService } from '../../../gen/vexil/v1/segment_service_pb.ts';
import { asked, type ChangeFlags, changeOptions, changing, collect, maskOf } from '../change-flags.ts';
import type { Io } from '../io.ts';
import { addSteps, type Step } from '../lifecycle.ts';
import { keyOf } from '../names.ts';
import { collectPages, pageSize } from '../pages.ts';
import { readMessage } from '../parse/document.ts';
import { parseCondition, type WhenOptions } from '../parse/when.ts';
import type { OpenSession } from '../session.ts';
import { segmentTable, segmentText } from '../view/segment.ts';

const { method } = SegmentService;

interface SegmentFlags extends ChangeFlags, WhenOptions {
  readonly name?: string;
  readonly description?: string;
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly file?: string;
}

const steps: readonly Step[] = [
  {
    verb: 'archive',
    done: 'archived',
    description: 'Archive a segment that nothing uses.',
    asks: true,
    act: (session, input, deed) => session.change(method.archiveSegment, input, deed),
  },
  {
    verb: 'restore',
    done: 'restored',
    description: 'Bring an archived segment back.',
    act: (session, input, deed) => session.change(method.restoreSegment, input, deed),
  },
  {
    verb: 'delete',
    done: 'deleted',
    description: 'Delete a segment that nothing uses.',
    asks: true,
    act: (session, input, deed) => session.change(method.deleteSegment, input, deed),
  },
];

export function register(segment: Command, open: OpenSession): void {
  registerReads(segment, open);
  registerWrites(segment, open);
  addSteps(segment, open, 'segment', (session, key) => session.scope.named('segments', key), steps);
}

function registerReads(segment: Command, open: OpenSession): void {
  segment
    .command('get')
    .argument('<segment>')
    .description('Show a segment, and what uses it.')
    .action(async (key: string, _options: object, command: Command) => {
      const session = await open(command);
      const name = await session.scope.named('segments', key);
      const { segment: found, usedBy } = await session.call(method.getSegment, { name });
      if (found !== undefined) await session.show(SegmentSchema, found, () => segmentText(found, usedBy));
    });
  segment
    .command('list')
    .description('List segments.')
    .option('--query <text>', 'in the key, the name or the description')
    .option('--archived', 'archived ones too')
    .action(async (options: { query?: string; archived?: boolean }, command: Command) => {
      const session = await open(command);
      const { query = '', archived: showArchived = false } = options;
      const filter = { parent: await session.scope.project(), query, showArchived, pageSize };
      const segments = await collectPages(async (pageToken) => {
        const page = await session.call(method.listSegments, { ...filter, pageToken });
        return { items: page.segments, nextPageToken: page.nextPageToken };
      });
      await session.showAll(SegmentSchema, segments, () => segmentTable(segments));
    });
}

function registerWrites(segment: Command, open: OpenSession): void {
  describing(segment.command('create'))
    .argument('<key>', 'lowercase letters, digits and hyphens')
    .description('Make a segment.')
    .action(async (key: string, options: SegmentFlags, command: Command) => {
      const session = await open(command);
      const input = {
        parent: await session.scope.project(),
        segmentId: key,
        segment: await segmentOf(options, session.io),
        options: changeOptions(options),
      };
      const deed = { subject: `segment ${key}`, done: 'created', ...asked(options) };
      await session.change(method.createSegment, input, deed);
    });
  describing(segment.command('update'))
    .argument('<segment>')
    .description('Change what is given, leave the rest. Lists and conditions are replaced as a whole.')
    .action(async (key: string, options: SegmentFlags, command: Command) => {
      const session = await open(command);
      const { file, when, segment: other, notSegment } = options;
      const updateMask = maskOf({
        display_name: options.name,
        description: options.description,
        included: options.include ?? file,
        excluded: options.exclude ?? file,
        condition: when ?? other ?? notSegment ?? file,
      });
      const name = await session.scope.named('segments', key);
      const changed = Object.assign(await segmentOf(options, session.io), { name });
      const deed = { subject: `segment ${keyOf(name)}`, done: 'updated', ...asked(options) };
      const input = { segment: changed, updateMask, options: changeOptions(options) };
      await session.change(method.updateSegment, input, deed);
    });
}

function describing(command: Command): Command {
  return changing(command)
    .option('--name <text>', 'its name for people')
    .option('--description <text>')
    .option('--include <targeting-key>', 'belongs to it in any case (repeatable)', collect)
    .option('--exclude <targeting-key>', 'does not belong to it in any case (repeatable)', collect)
    .option('--when <clause>', "such as 'plan in pro,team' (repeatable: all must hold)", collect)
    .option('--segment <keys>', 'in any of these segments (repeatable: all must hold)', collect)
    .option('--not-segment <keys>', 'in none of these segments (repeatable)', collect)
    .option('--file <path>', 'members and condition as YAML or JSON (- for standard input)');
}

async function segmentOf(options: SegmentFlags, io: Io): Promise<Segment> {
  const { file, name, description, include, exclude } = options;
  const segment = file === undefined ? create(SegmentSchema) : await readMessage(SegmentSchema, file, io);
  const condition = parseCondition(options);
  if (name !== undefined) segment.displayName = name;
  if (description !== undefined) segment.description = description;
  if (include !== undefined) segment.included = [...include];
  if (exclude !== undefined) segment.excluded = [...exclude];
  if (condition !== undefined) segment.condition = condition;
  return segment;
}
