import { create } from '@bufbuild/protobuf';
import type { Command } from 'commander';
import {
  type FlagSettings,
  type Guard,
  GuardAction,
  GuardDirection,
  GuardSchema,
  type Rule,
  RuleSchema,
} from '../../../gen/vexil/v1/definitions_pb.ts';
import { FlagService } from '../../../gen/vexil/v1/flag_service_pb.ts';
import { asked, type ChangeFlags, changeOptions, changing } from '../change-flags.ts';
import { sightOf, warnOfUnknownEvent } from '../guard-sight.ts';
import { placeOf } from '../lifecycle.ts';
import { keyOf } from '../names.ts';
import { parsePercent } from '../parse/percent.ts';
import { parseSpan } from '../parse/span.ts';
import type { OpenSession, Session } from '../session.ts';
import { UsageError } from '../usage-error.ts';
import { guardTable, sightText } from '../view/guard.ts';

const { method } = FlagService;

/** The rule that `flag set-rollout` makes. */
const ROLLOUT_RULE = 'rollout';

interface GuardFlags extends ChangeFlags {
  readonly event?: string;
  readonly lowerIsWorse?: boolean;
  readonly limit?: string;
  readonly regression?: string;
  readonly sample: string;
  readonly window: string;
  readonly stages?: string;
  readonly onRegression: string;
}

/** `flag guard set|clear|list`. */
export function registerGuards(flag: Command, open: OpenSession): void {
  const guard = flag
    .command('guard')
    .description(
      'Who watches over a rollout: steps it forward while people fare well, back or into a halt if not.',
    );
  registerSet(guard, open);
  changing(guard.command('clear'))
    .argument('<flag>')
    .argument('[rule]', `default: ${ROLLOUT_RULE}`)
    .description('Let nobody watch over a rule any more.')
    .action(async (key: string, ruleId: string | undefined, options: ChangeFlags, command: Command) => {
      const session = await open(command);
      const { settings, rule } = await ruleOf(session, key, ruleId);
      const { guard: _guard, guardState: _state, ...rest } = rule;
      await replace(session, settings, create(RuleSchema, rest), 'not guarded any more', options);
    });
  guard
    .command('list')
    .argument('<flag>')
    .description(
      'List the guards of a flag in an environment: how far they are, what they see, what they wait for.',
    )
    .action(async (key: string, _options: object, command: Command) => {
      const session = await open(command);
      const { settings } = await session.call(method.getFlagSettings, {
        name: await session.scope.settings(key),
      });
      const guarded = (settings?.rules ?? []).filter((rule) => rule.guard !== undefined);
      const sights: string[] = [];
      if (settings !== undefined && session.print.format === 'table')
        for (const rule of guarded)
          sights.push(sightText(settings, rule, await sightOf(session, settings, rule), Date.now()));
      await session.showAll(RuleSchema, guarded, () => [guardTable(guarded), '', ...sights].join('\n'));
    });
}

function registerSet(guard: Command, open: OpenSession): void {
  changing(guard.command('set'))
    .argument('<flag>')
    .argument('[rule]', `default: ${ROLLOUT_RULE}`)
    .description('Have somebody watch over a rule, beginning now.')
    .option('--event <name>', 'what counts; default: errors and crashes')
    .option('--lower-is-worse', 'as with purchases')
    .option('--limit <percentage>', 'the worst share of people with the event that is still fine')
    .option('--regression <percentage>', "how much worse than the default variation's is still fine")
    .option('--sample <people>', 'below which nothing is decided', '100')
    .option('--window <time>', 'how long a stage lasts at least, such as 10m', '10m')
    .option('--stages <percentages>', 'the way forward, such as 5,20,50,100; default: none')
    .option('--on-regression <action>', 'step-back or halt', 'step-back')
    .action(async (key: string, ruleId: string | undefined, options: GuardFlags, command: Command) => {
      const session = await open(command);
      const wanted = parseGuard(options);
      const { settings, rule } = await ruleOf(session, key, ruleId);
      await replace(session, settings, { ...rule, guard: wanted }, 'guarded', options);
      await warnOfUnknownEvent(session, settings.name, wanted);
    });
}

/** A guard from options. Throws a UsageError for what is no guard. */
export function parseGuard(options: GuardFlags): Guard {
  const { event, lowerIsWorse, limit, regression, sample, window, stages, onRegression } = options;
  if (limit === undefined && regression === undefined)
    throw new UsageError('say what is still fine: --limit, --regression or both');
  const minSample = Number(sample);
  if (!Number.isSafeInteger(minSample) || minSample < 0 || minSample > 0xffff_ffff)
    throw new UsageError(`"${sample}" is not a number of people`);
  return create(GuardSchema, {
    event: event ?? '',
    direction: lowerIsWorse === true ? GuardDirection.LOWER_IS_WORSE : GuardDirection.HIGHER_IS_WORSE,
    ...(limit !== undefined && { threshold: parsePercent(limit) }),
    ...(regression !== undefined && { relativeRegression: parsePercent(regression) }),
    minSample,
    windowS: parseSpan(window),
    stages: stages === undefined ? [] : stages.split(',').map(parsePercent),
    onRegression: actionOf(onRegression),
  });
}

function actionOf(text: string): GuardAction {
  if (text === 'step-back') return GuardAction.STEP_BACK;
  if (text === 'halt') return GuardAction.HALT;
  throw new UsageError(`"${text}" is neither step-back nor halt`);
}

async function ruleOf(session: Session, key: string, ruleId = ROLLOUT_RULE) {
  const name = await session.scope.settings(key);
  const { settings } = await session.call(method.getFlagSettings, { name });
  const rule = settings?.rules.find(({ id }) => id === ruleId);
  if (settings === undefined || rule === undefined)
    throw new UsageError(`flag ${keyOf(name)} has no rule ${ruleId} here: see \`vexil flag rule list\``);
  return { settings, rule };
}

/** Unless somebody else changed the settings meanwhile. */
async function replace(
  session: Session,
  { name, etag }: FlagSettings,
  rule: Rule,
  done: string,
  options: ChangeFlags,
): Promise<void> {
  const subject = `rule ${rule.id} of flag ${keyOf(name)}`;
  const deed = { subject, done, ...placeOf(name), ...asked(options) };
  await session.change(method.updateRule, { name, etag, rule, options: changeOptions(options) }, deed);
}
