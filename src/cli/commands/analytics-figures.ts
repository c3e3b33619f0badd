import type { Command } from 'commander';
import {
  AnalyticsService,
  FlagActivitySchema,
  FlagHealthSchema,
  FlagUse,
  GetFlagConversionsResponseSchema,
  QueryEvaluationsResponseSchema,
  TimeStep,
} from '../../../gen/vexil/v1/analytics_service_pb.ts';
import { collect } from '../change-flags.ts';
import { keyOf } from '../names.ts';
import { collectPages, pageSize } from '../pages.ts';
import { parseEnum } from '../parse/enumeration.ts';
import { ofPeriod, type PeriodOptions, parsePeriod } from '../parse/period.ts';
import type { OpenSession } from '../session.ts';
import { UsageError } from '../usage-error.ts';
import { activityTable, conversionText, healthList, healthText, seriesChart } from '../view/figures.ts';

const { method } = AnalyticsService;

interface SeriesOptions extends PeriodOptions {
  readonly step?: string;
  readonly reasons?: boolean;
}

interface ActivityOptions extends PeriodOptions {
  readonly use?: readonly string[];
  readonly unusedDays?: string;
  readonly stale?: boolean;
}

/** `analytics series|activity|health|conversions`. */
export function registerFigures(analytics: Command, open: OpenSession): void {
  registerSeries(analytics, open);
  registerActivity(analytics, open);
  registerHealth(analytics, open);
  registerConversions(analytics, open);
}

function registerSeries(analytics: Command, open: OpenSession): void {
  ofPeriod(analytics.command('series'), 'the last day')
    .argument('[flag]', 'default: every flag')
    .description('Show how often flags answered what, over time.')
    .option('--step <step>', 'minute, hour or day; default: what makes a readable chart')
    .option('--reasons', 'tell apart why')
    .action(async (flag: string | undefined, options: SeriesOptions, command: Command) => {
      const step = options.step === undefined ? TimeStep.UNSPECIFIED : parseEnum(TimeStep, options.step);
      const period = parsePeriod(options);
      const session = await open(command);
      const parent = await session.scope.environment();
      const request = { parent, flag: keyOf(flag ?? ''), step, ...period };
      const answer = await session.call(method.queryEvaluations, request);
      const text = () => seriesChart(answer, options.reasons ?? false, session.io.stdout.columns);
      await session.show(QueryEvaluationsResponseSchema, answer, text);
    });
}

function registerActivity(analytics: Command, open: OpenSession): void {
  ofPeriod(analytics.command('activity'), 'the last 30 days')
    .description('Show which flags are asked for, and which could go.')
    .option('--use <use>', 'only in-use, unused, never, new or unknown (repeatable)', collect)
    .option('--stale', 'only flags that could go')
    .option('--unused-days <days>', 'not evaluated for so long is unused; default: 30')
    .action(async (options: ActivityOptions, command: Command) => {
      const uses = (options.use ?? []).map((word) => parseEnum(FlagUse, word));
      const unusedDays = daysIn(options.unusedDays ?? '0');
      const period = parsePeriod(options);
      const session = await open(command);
      const filter = { parent: await session.scope.environment(), uses, unusedDays, pageSize, ...period };
      let warnings: readonly string[] = [];
      const flags = await collectPages(async (pageToken) => {
        const page = await session.call(method.listFlagActivity, { ...filter, pageToken });
        warnings = page.warnings;
        return { items: page.flags, nextPageToken: page.nextPageToken };
      });
      for (const warning of warnings) session.print.warn(warning);
      const shown = options.stale ? flags.filter(({ remarks }) => remarks.length > 0) : flags;
      await session.showAll(FlagActivitySchema, shown, () => activityTable(shown, session.print.paint));
    });
}

function registerHealth(analytics: Command, open: OpenSession): void {
  ofPeriod(analytics.command('health'), 'the last day')
    .argument('[flag]', 'default: the worst variation of every flag')
    .description('Show errors and crashes of those who got each variation.')
    .action(async (flag: string | undefined, options: PeriodOptions, command: Command) => {
      const period = parsePeriod(options);
      const session = await open(command);
      const { paint } = session.print;
      if (flag !== undefined) {
        const name = await session.scope.settings(flag);
        const { health } = await session.call(method.getFlagHealth, { name, ...period });
        if (health === undefined) return;
        if (health.variations.length === 0) session.print.note('nobody got any variation');
        return session.show(FlagHealthSchema, health, () => healthText(health, paint));
      }
      const filter = { parent: await session.scope.environment(), ...period };
      const flags = await collectPages(async (pageToken) => {
        const page = await session.call(method.listFlagHealth, { ...filter, pageToken });
        return { items: page.flags, nextPageToken: page.nextPageToken };
      });
      await session.showAll(FlagHealthSchema, flags, () => healthList(flags, paint));
    });
}

function registerConversions(analytics: Command, open: OpenSession): void {
  ofPeriod(analytics.command('conversions'), 'the last 7 days')
    .argument('<flag>')
    .argument('<event>', 'its name')
    .description('Show how those who got each variation of a flag fared by one event.')
    .option('--rule <id>', 'only those who got it by this rule')
    .action(
      async (flag: string, event: string, options: PeriodOptions & { rule?: string }, command: Command) => {
        const period = parsePeriod(options);
        const session = await open(command);
        const name = await session.scope.settings(flag);
        const request = { name, event, ruleId: options.rule ?? '', ...period };
        const answer = await session.call(method.getFlagConversions, request);
        await session.show(GetFlagConversionsResponseSchema, answer, () => conversionText(answer));
      },
    );
}

function daysIn(text: string): number {
  if (!/^\d{1,4}$/.test(text)) throw new UsageError(`"${text}" is not a number of days`);
  return Number(text);
}
