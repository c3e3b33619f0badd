import { bucketingReader } from './attribute.ts';
import { brokenFlag } from './broken-flag.ts';
import { compileRule, constantEffect, type RuleSetting, type Stage } from './compile-rule.ts';
import { segmentsOf } from './condition.ts';
import type { Flag, FlagSettings, Prerequisite, Rule, Target } from './model.ts';
import type { Outcome } from './outcome.ts';
import { type OutcomeMaker, outcomeMaker } from './outcomes.ts';
import { type Probe, SILENT } from './probe.ts';
import { rampTimes } from './ramp.ts';
import type { CompiledRelease } from './snapshot.ts';

/** A flag in one environment, ready to be evaluated. */
export interface CompiledFlag {
  readonly key: string;
  readonly flag: Flag;
  readonly settings: FlagSettings;
  readonly version: number;
  readonly clientVisible: boolean;
  /** When a ramp of one of its rules steps, starts or ends: epoch milliseconds, ascending. */
  readonly changeTimes: readonly number[];
  readonly references: References;
  /** Why its rules cannot be evaluated; undefined for a sound flag. */
  readonly problem: string | undefined;
  /** Undefined: the fallback. */
  readonly decide: Stage;
  /** The same for a flag that an active release sets: only then is the context's release looked at. */
  readonly decideReleased: Stage;
  /** When nothing decides. */
  readonly fallback: Outcome;
  /** The answer when evaluating it went wrong by a mistake in this program. */
  readonly failed: Outcome;
  /** The answer when it needs something that is missing or cannot be evaluated. */
  readonly unreadable: Outcome;
}

export interface References {
  readonly flags: readonly string[];
  readonly segments: readonly string[];
}

const NO_REFERENCES: References = { flags: [], segments: [] };

/**
 * Compiles a flag for one environment. Never throws: a definition that this build cannot read becomes a flag that
 * says so in `problem` and answers its default variation (or no value, if even that is unclear) with `PARSE_ERROR`.
 * Draft and halted flags answer before anything else is looked at, so a halt works on a broken flag too.
 */
export function compileFlag(
  flag: Flag,
  settings: FlagSettings,
  version: number,
  probe: Probe = SILENT,
): CompiledFlag {
  try {
    return compileReadable(flag, settings, version, probe);
  } catch (error) {
    return { ...brokenFlag(flag.key, version, messageOf(error)), flag, settings };
  }
}

function compileReadable(flag: Flag, settings: FlagSettings, version: number, probe: Probe): CompiledFlag {
  const defaultVariation = settings.defaultVariation ?? flag.defaultVariation;
  const changeable = outcomeMaker(flag, defaultVariation, version, false);
  const plan: Plan = { flag, settings, defaultVariation, outcomes: changeable, probe };
  const { decide, decideReleased, fallback, problem } = compileDecision(plan, version);
  const label = { kind: 'flag', path: `flags/${flag.key}`, describe: () => `flag ${flag.key}` } as const;
  const hasValue = (outcome: Outcome | undefined) => (outcome ?? fallback).value !== undefined;
  const readable = problem === undefined;
  return {
    key: flag.key,
    decide: probe(label, decide, hasValue),
    decideReleased: probe(label, decideReleased, hasValue),
    fallback,
    failed: changeable.fail('GENERAL', 'the evaluation failed'),
    unreadable: changeable.fail('PARSE_ERROR', 'it refers to something that cannot be evaluated'),
    flag,
    settings,
    version,
    clientVisible: flag.clientVisible,
    problem,
    changeTimes: readable ? changeTimesOf(settings.rules) : [],
    references: readable ? referencesOf(settings) : NO_REFERENCES,
  };
}

interface Plan {
  readonly flag: Flag;
  readonly settings: FlagSettings;
  readonly defaultVariation: string;
  readonly outcomes: OutcomeMaker;
  readonly probe: Probe;
}

type Decision = Pick<CompiledFlag, 'decide' | 'decideReleased' | 'fallback' | 'problem'>;

function compileDecision(plan: Plan, version: number): Decision {
  const { flag, settings, defaultVariation } = plan;
  const settled: Plan = { ...plan, outcomes: outcomeMaker(flag, defaultVariation, version, true) };
  const first = draftOrHalted(settled);
  if (first !== undefined) return { ...first, decideReleased: first.decide, problem: undefined };
  const release = releaseStage(plan);
  try {
    const changeable = compileStages(plan);
    const usual = isSettled(settings) ? compileStages(settled) : changeable;
    const decideReleased: Stage = (evaluation) =>
      release(evaluation) ?? changeable.decide(evaluation) ?? changeable.fallback;
    return { ...usual, decideReleased, problem: undefined };
  } catch (error) {
    const problem = messageOf(error);
    const fallback = plan.outcomes.fail('PARSE_ERROR', problem);
    return { decide: undecided, decideReleased: release, fallback, problem };
  }
}

type Stages = Pick<CompiledFlag, 'decide' | 'fallback'>;

const undecided: Stage = () => undefined;

function draftOrHalted({ flag, settings, defaultVariation, outcomes, probe }: Plan): Stages | undefined {
  if (flag.status === 'draft') {
    const fallback = outcomes.serve(defaultVariation, 'DISABLED', { detail: 'draft' });
    const label = { kind: 'status', path: 'status', describe: () => 'draft' } as const;
    return { decide: probe(label, undecided, () => true), fallback };
  }
  const { halt } = settings;
  if (halt === undefined) return undefined;
  const fallback = outcomes.serve(defaultVariation, 'HALTED', { detail: halt.reason });
  const label = { kind: 'halt', path: 'halt', describe: () => 'halted' } as const;
  return { decide: probe(label, undecided, () => true), fallback };
}

/** A release that names a variation which the flag does not have is passed over, as if it did not name the flag. */
function releaseStage({ flag, outcomes, probe }: Plan): Stage {
  const made = new WeakMap<CompiledRelease, Outcome | undefined>();
  const make = (release: CompiledRelease): Outcome | undefined => {
    const variation = release.variations.get(flag.key);
    return variation !== undefined && outcomes.has(variation)
      ? outcomes.serve(variation, 'RELEASE_OVERRIDE', { detail: release.definition.key })
      : undefined;
  };
  const run: Stage = (evaluation) => {
    const release = evaluation.release();
    if (release === undefined) return undefined;
    if (!made.has(release)) made.set(release, make(release));
    return made.get(release);
  };
  const describe = () => 'on an active release that sets this flag';
  return probe({ kind: 'release', path: 'device.releaseId', describe }, run, hasDecided);
}

/** What comes after halt and release: enabled, prerequisites, targets, rules, default. */
function compileStages(plan: Plan): Stages {
  const { settings, defaultVariation, outcomes, probe } = plan;
  if (!settings.enabled) {
    const label = {
      kind: 'enabled',
      path: 'enabled',
      describe: () => 'enabled in this environment',
    } as const;
    const fallback = outcomes.serve(defaultVariation, 'DISABLED');
    return { decide: probe(label, undecided, () => false), fallback };
  }
  if (!outcomes.has(defaultVariation))
    throw new Error(`there is no variation ${JSON.stringify(defaultVariation)}`);
  const stages: Stage[] = [
    ...settings.prerequisites.map((one, index) => compilePrerequisite(one, index, plan)),
    ...compileTargets(settings.targets, plan),
    ...compileRules(plan),
  ];
  return { decide: inOrder(stages), fallback: outcomes.serve(defaultVariation, 'DEFAULT') };
}

function inOrder(stages: readonly Stage[]): Stage {
  const [only] = stages;
  if (only === undefined) return undecided;
  if (stages.length === 1) return only;
  return (evaluation) => {
    for (const stage of stages) {
      const outcome = stage(evaluation);
      if (outcome !== undefined) return outcome;
    }
    return undefined;
  };
}

function compilePrerequisite(prerequisite: Prerequisite, index: number, plan: Plan): Stage {
  const { flag, variations } = prerequisite;
  const accepted: ReadonlySet<string> = new Set(variations);
  const unmet = plan.outcomes.serve(plan.defaultVariation, 'DEPENDENCY_UNMET', { detail: flag });
  const describe = () => `${flag} serves ${variations.join(' or ')}`;
  const isMet = plan.probe(
    { kind: 'prerequisite', path: `prerequisites[${index}]`, describe },
    (evaluation) => {
      const served = evaluation.served(flag);
      return served !== undefined && accepted.has(served);
    },
    (met) => met,
  );
  return (evaluation) => (isMet(evaluation) ? undefined : unmet);
}

function compileTargets(targets: readonly Target[], { outcomes, probe }: Plan): Stage[] {
  const byKey = new Map<string, Outcome>();
  for (const { variation, keys } of targets) {
    if (!outcomes.has(variation)) throw new Error(`there is no variation ${JSON.stringify(variation)}`);
    const outcome = outcomes.serve(variation, 'TARGETING_MATCH');
    for (const key of keys) if (key !== '' && !byKey.has(key)) byKey.set(key, outcome);
  }
  if (byKey.size === 0) return [];
  const describe = () => 'targeting key has a variation of its own';
  const run: Stage = (evaluation) => byKey.get(evaluation.context.targetingKey);
  return [probe({ kind: 'target', path: 'targets', describe }, run, hasDecided)];
}

function compileRules({ flag, settings, outcomes, probe }: Plan): Stage[] {
  const { bucketBy, hash, salt } = settings;
  const setting: RuleSetting = {
    bucketing: { hash, read: bucketingReader(bucketBy), salt: salt || flag.key },
    bucketBy: bucketBy || 'a targeting key',
    outcomes,
    probe,
  };
  const stageOf = new Map(
    settings.rules.map((rule, index) => [rule, compileRule(rule, `rules[${index}]`, setting)]),
  );
  return byPriority(settings.rules).flatMap((rule) => stageOf.get(rule) ?? []);
}

/** Rules in the order in which they are tried. */
export function byPriority(rules: readonly Rule[]): Rule[] {
  for (const { priority } of rules) {
    if (!Number.isFinite(priority)) throw new Error(`${priority} is not a priority`);
  }
  return rules.toSorted((a, b) => a.priority - b.priority);
}

/** Whether the answer is the same for every context, at all times and whatever other flags serve. */
function isSettled(settings: FlagSettings): boolean {
  if (!settings.enabled) return true;
  if (settings.prerequisites.length > 0) return false;
  if (settings.targets.some(({ keys }) => keys.some((key) => key !== ''))) return false;
  for (const rule of byPriority(settings.rules)) {
    const effect = constantEffect(rule);
    if (effect !== 'passes') return effect === 'decides';
  }
  return true;
}

function changeTimesOf(rules: readonly Rule[]): readonly number[] {
  const times = rules.flatMap(({ ramp }) => (ramp === undefined ? [] : rampTimes(ramp)));
  return [...new Set(times)].sort((a, b) => a - b);
}

function referencesOf(settings: FlagSettings): References {
  return {
    flags: [...new Set(settings.prerequisites.map(({ flag }) => flag))],
    segments: [...new Set(settings.rules.flatMap(({ condition }) => segmentsOf(condition)))],
  };
}

function hasDecided(outcome: Outcome | undefined): boolean {
  return outcome !== undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
