import { clone, create, type MessageInitShape } from '@bufbuild/protobuf';
import type { Command } from 'commander';
import {
  AnalyticsService,
  type PreviewChangeRequestSchema,
  PreviewChangeResponseSchema,
  PreviewReachResponseSchema,
} from '../../../gen/vexil/v1/analytics_service_pb.ts';
import {
  FlagSettingsSchema,
  RolloutSchema,
  type Rule,
  RuleSchema,
} from '../../../gen/vexil/v1/definitions_pb.ts';
import { FlagService } from '../../../gen/vexil/v1/flag_service_pb.ts';
import { collect } from '../change-flags.ts';
import type { Io } from '../io.ts';
import { keyOf } from '../names.ts';
import { readMessage } from '../parse/document.ts';
import { parsePercent } from '../parse/percent.ts';
import { ofPeriod, type PeriodOptions, parsePeriod } from '../parse/period.ts';
import { parseCondition, type WhenOptions } from '../parse/when.ts';
import type { OpenSession, Session } from '../session.ts';
import { UsageError } from '../usage-error.ts';
import { changeText, reachText } from '../view/preview.ts';
import { parseRule } from './flag-rule.ts';

const { method } = AnalyticsService;

interface SampleOptions extends PeriodOptions {
  readonly by?: readonly string[];
  readonly bySegment?: readonly string[];
  readonly sample?: string;
}

interface ReachOptions extends SampleOptions, WhenOptions {
  readonly flag?: string;
  readonly rollout?: string;
  readonly file?: string;
}

interface ChangeOptions extends SampleOptions, WhenOptions {
  readonly rule?: string;
  readonly rollout?: string;
  readonly serve?: string;
  readonly split?: readonly string[];
  readonly priority?: string;
  readonly file?: string;
  readonly settings?: string;
  readonly withoutRule?: string;
  readonly revision?: string;
}

type Candidate = NonNullable<MessageInitShape<typeof PreviewChangeRequestSchema>['candidate']>;

/** `analytics reach|what-if`. */
export function registerPreviews(analytics: Command, open: OpenSession): void {
  registerReach(analytics, open);
  registerChange(analytics, open);
}

function registerReach(analytics: Command, open: OpenSession): void {
  ofSample(ofRule(ofPeriod(analytics.command('reach'), 'seen in the last 30 days')))
    .description('Show whom a rule would reach that nobody has saved. Nothing at all is everybody.')
    .option('--flag <flag>', 'the flag that it is meant for')
    .action(async (options: ReachOptions, command: Command) => {
      const sample = parseSample(options);
      const session = await open(command);
      const rule = await draftOf(options, session.io);
      const parent = await session.scope.environment();
      const request = { parent, rule, flag: keyOf(options.flag ?? ''), ...sample };
      const answer = await session.call(method.previewReach, request);
      for (const warning of answer.warnings) session.print.warn(warning);
      await session.show(PreviewReachResponseSchema, answer, () => reachText(answer));
    });
}

function registerChange(analytics: Command, open: OpenSession): void {
  ofSample(ofRule(ofPeriod(analytics.command('what-if'), 'seen in the last 30 days')))
    .argument('<flag>')
    .description('Show who would get another variation if a flag were changed. Nothing is.')
    .option('--serve <variation>', 'with a rule that serves this')
    .option('--split <variation=percentage>', 'with a rule that serves several (repeatable)', collect)
    .option('--rule <id>', 'the rule that is changed; with --serve or --split: that is replaced')
    .option('--priority <number>', 'lowest first; default: after all others')
    .option('--settings <path>', 'with these settings, as YAML or JSON (- for standard input)')
    .option('--without-rule <id>', 'without this rule')
    .option('--revision <number>', 'with everything as it was at this revision')
    .action(async (flag: string, options: ChangeOptions, command: Command) => {
      expectOneChange(options);
      const sample = parseSample(options);
      const session = await open(command);
      const name = await session.scope.settings(flag);
      const candidate = await candidateOf(options, session, name);
      const answer = await session.call(method.previewChange, { name, candidate, ...sample });
      for (const warning of answer.warnings) session.print.warn(warning);
      await session.show(PreviewChangeResponseSchema, answer, () => changeText(answer));
    });
}

function ofRule(command: Command): Command {
  return command
    .option('--when <clause>', "such as 'plan in pro,team' (repeatable: all must hold)", collect)
    .option('--segment <keys>', 'in any of these segments (repeatable: all must hold)', collect)
    .option('--not-segment <keys>', 'in none of these segments (repeatable)', collect)
    .option('--rollout <percentage>', 'only this part of them')
    .option('--file <path>', 'the whole rule as YAML or JSON (- for standard input)');
}

function ofSample(command: Command): Command {
  return command
    .option('--by <attribute>', 'tell apart by this attribute (repeatable)', collect)
    .option('--by-segment <key>', 'tell apart by this segment; default: all (repeatable)', collect)
    .option('--sample <number>', 'how many contexts to evaluate, up to 20000; default: 10000');
}

function parseSample(options: SampleOptions) {
  const { sample = '0', by = [], bySegment = [] } = options;
  if (!/^\d{1,6}$/.test(sample)) throw new UsageError(`"${sample}" is not a number of contexts`);
  const breakdown = { attributes: [...by], segments: bySegment.map(keyOf) };
  return { ...parsePeriod(options), ...breakdown, sampleSize: Number(sample) };
}

async function draftOf(options: ReachOptions, io: Io): Promise<Rule> {
  if (options.file !== undefined) return readMessage(RuleSchema, options.file, io);
  const condition = parseCondition(options);
  return create(RuleSchema, {
    ...(condition !== undefined && { condition }),
    ...(options.rollout !== undefined && { rollout: { weight: parsePercent(options.rollout) } }),
  });
}

function expectOneChange({ file, serve, split, rule, settings, withoutRule, revision }: ChangeOptions): void {
  const changes = [file ?? serve ?? split ?? rule, settings, withoutRule, revision];
  if (changes.filter((change) => change !== undefined).length !== 1)
    throw new UsageError('say one thing that changes: a rule, --settings, --without-rule or --revision');
}

async function candidateOf(options: ChangeOptions, session: Session, name: string): Promise<Candidate> {
  const { file, settings, withoutRule, revision, rule, ...rest } = options;
  const { io } = session;
  if (settings !== undefined)
    return { case: 'settings', value: await readMessage(FlagSettingsSchema, settings, io) };
  if (withoutRule !== undefined) return { case: 'removeRuleId', value: withoutRule };
  if (revision !== undefined) {
    if (!/^\d{1,15}$/.test(revision)) throw new UsageError(`"${revision}" is not the number of a revision`);
    return { case: 'revision', value: BigInt(revision) };
  }
  if (file !== undefined) return { case: 'rule', value: await readMessage(RuleSchema, file, io) };
  if (rule !== undefined && rest.serve === undefined && rest.split === undefined)
    return { case: 'rule', value: await changedRule(session, name, rule, rest) };
  return { case: 'rule', value: parseRule({ ...rest, ...(rule !== undefined && { id: rule }) }) };
}

/** The rule as it is, but for what the options say. */
async function changedRule(
  session: Session,
  name: string,
  id: string,
  options: ChangeOptions,
): Promise<Rule> {
  const condition = parseCondition(options);
  const weight = options.rollout === undefined ? undefined : parsePercent(options.rollout);
  const { settings } = await session.call(FlagService.method.getFlagSettings, { name });
  const found = settings?.rules.find((rule) => rule.id === id);
  if (found === undefined) throw new UsageError(`flag ${keyOf(name)} has no rule ${id}`);
  const changed = clone(RuleSchema, found);
  if (condition !== undefined) changed.condition = condition;
  if (weight === undefined) return changed;
  // A ramp that goes on would have the last word.
  delete changed.ramp;
  changed.rollout = create(RolloutSchema, { salt: found.rollout?.salt ?? '', weight });
  return changed;
}
