import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { Command } from 'commander';
import { type Rule, RuleSchema, type ServeSchema } from '../../../gen/vexil/v1/definitions_pb.ts';
import { FlagService } from '../../../gen/vexil/v1/flag_service_pb.ts';
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
import { placeOf } from '../lifecycle.ts';
import { keyOf } from '../names.ts';
import { readMessage } from '../parse/document.ts';
import { parsePercent } from '../parse/percent.ts';
import { parsePair } from '../parse/value.ts';
import { parseCondition, type WhenOptions } from '../parse/when.ts';
import type { OpenSession } from '../session.ts';
import { UsageError } from '../usage-error.ts';
import { ruleTable } from '../view/rule.ts';

const { method } = FlagService;

interface RuleFlags extends ChangeFlags, WhenOptions {
  readonly id?: string;
  readonly name?: string;
  readonly priority?: string;
  readonly rollout?: string;
  readonly serve?: string;
  readonly split?: readonly string[];
  readonly file?: string;
}

/** `flag rule add|list|remove`. */
export function registerRules(flag: Command, open: OpenSession): void {
  const rule = flag.command('rule').description('Who gets what: the first rule that applies decides.');
  registerAdd(rule, open);
  rule
    .command('list')
    .argument('<flag>')
    .description('List the rules of a flag in an environment.')
    .action(async (key: string, _options: object, command: Command) => {
      const session = await open(command);
      const name = await session.scope.settings(key);
      const { settings } = await session.call(method.getFlagSettings, { name });
      const rules = settings?.rules ?? [];
      await session.showAll(RuleSchema, rules, () => ruleTable(rules));
    });
  destructive(rule.command('remove'))
    .argument('<flag>')
    .argument('<rule>', 'its id')
    .description('Remove a rule.')
    .action(async (key: string, ruleId: string, options: DestructiveFlags, command: Command) => {
      const session = await open(command);
      const name = await session.scope.settings(key);
      const subject = `rule ${ruleId} of flag ${keyOf(name)}`;
      await confirm(session, options, `Remove ${subject}?`);
      const deed = { subject, done: 'removed', ...placeOf(name), ...asked(options) };
      await session.change(method.deleteRule, { name, ruleId, options: changeOptions(options) }, deed);
    });
}

function registerAdd(rule: Command, open: OpenSession): void {
  changing(rule.command('add'))
    .argument('<flag>')
    .description('Add a rule to a flag in an environment.')
    .option('--when <clause>', "such as 'plan in pro,team' (repeatable: all must hold)", collect)
    .option('--segment <keys>', 'in any of these segments (repeatable: all must hold)', collect)
    .option('--not-segment <keys>', 'in none of these segments (repeatable)', collect)
    .option('--rollout <percentage>', 'only this part of them')
    .option('--serve <variation>', 'what they get')
    .option('--split <variation=percentage>', 'several variations, 100% in all (repeatable)', collect)
    .option('--id <id>', 'default: one is made')
    .option('--name <text>', 'its name for people')
    .option('--priority <number>', 'lowest first; default: after all others')
    .option('--file <path>', 'the whole rule as YAML or JSON (- for standard input)')
    .action(async (key: string, options: RuleFlags, command: Command) => {
      const session = await open(command);
      const { file } = options;
      const added = file === undefined ? parseRule(options) : await readMessage(RuleSchema, file, session.io);
      const name = await session.scope.settings(key);
      const what = added.id === '' ? 'rule' : `rule ${added.id}`;
      const subject = `${what} of flag ${keyOf(name)}`;
      const deed = { subject, done: 'added', ...placeOf(name), ...asked(options) };
      await session.change(method.createRule, { name, rule: added, options: changeOptions(options) }, deed);
    });
}

/** A rule from options. Throws a UsageError unless they say what to serve. */
export function parseRule(options: RuleFlags): Rule {
  const priority = Number(options.priority ?? 0);
  if (Number.isNaN(priority)) throw new UsageError(`"${options.priority}" is not a number`);
  const condition = parseCondition(options);
  return create(RuleSchema, {
    id: options.id ?? '',
    displayName: options.name ?? '',
    priority,
    serve: parseServe(options),
    ...(condition === undefined ? {} : { condition }),
    ...(options.rollout === undefined ? {} : { rollout: { weight: parsePercent(options.rollout) } }),
  });
}

function parseServe({ serve, split = [] }: RuleFlags): MessageInitShape<typeof ServeSchema> {
  if (serve !== undefined && split.length > 0) throw new UsageError('give either --serve or --split');
  if (serve !== undefined) return { kind: { case: 'variation', value: serve } };
  if (split.length === 0) throw new UsageError('say what to serve: --serve, --split or --file');
  const variations = split.map((text) => {
    const [variation, percentage] = parsePair(text, 'a split is given as variation=percentage');
    return { variation, weight: parsePercent(percentage) };
  });
  return { kind: { case: 'split', value: { variations } } };
}
