import { type JsonValue, toJson } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import type {
  ChangeCell,
  ContextGroup,
  GroupChange,
  GroupReach,
  PreviewChangeResponse,
  PreviewReachResponse,
  PreviewSample,
  Reach,
} from '../../../gen/vexil/v1/analytics_service_pb.ts';
import { Reason } from '../../../gen/vexil/v1/evaluation_pb.ts';
import { enumWord } from '../parse/enumeration.ts';
import { bar, shareText, shortNumber } from './chart.ts';
import { intervalText, variationText } from './figures.ts';
import { fields, printable, table } from './table.ts';

const BAR_WIDTH = 20;

export function reachText(answer: PreviewReachResponse): string {
  const { sample, total, dailySubjects, dailyEvaluations } = answer;
  const about = fields([
    ['contexts', sampleText(sample)],
    ['reach', total === undefined ? '' : reachLine(total)],
    ['subjects a day', dailySubjects === undefined ? '' : rangeText(dailySubjects)],
    ['evaluations a day', dailyEvaluations === undefined ? '' : rangeText(dailyEvaluations)],
  ]);
  const groups = [...answer.attributes, ...answer.segments].filter(
    ({ reach }) => (reach?.sampled ?? 0n) > 0n,
  );
  return [about, ...(groups.length > 0 ? [groupTable(groups)] : [])].join('\n\n');
}

function groupTable(groups: readonly GroupReach[]): string {
  const rows = groups.map(({ group, reach }) => [
    ...groupNames(group),
    bar(reach?.share?.value ?? 0, BAR_WIDTH),
    shareText(reach?.share?.value ?? 0),
    intervalOf(reach),
    shortNumber(Number(reach?.matched ?? 0n)),
  ]);
  return table(['BY', 'VALUE', 'REACH', '', '95 %', 'MATCHED'], rows);
}

export function changeText(answer: PreviewChangeResponse): string {
  const { sample, moved, cells, compared, agreeing } = answer;
  const about = fields([
    ['contexts', sampleText(sample)],
    ['would change', moved === undefined ? '' : reachLine(moved)],
    ['as recorded', compared === 0n ? '' : `${agreeing} of ${compared} get today what they got last`],
  ]);
  const groups = [...answer.attributes, ...answer.segments].filter(
    ({ moved: one }) => (one?.sampled ?? 0n) > 0n,
  );
  return [
    about,
    ...(cells.length > 0 ? [matrixTable(cells)] : []),
    ...(groups.length > 0 ? [changeTable(groups)] : []),
    ...examplesText(cells),
    ...answer.dependents.map(({ flag, moved: one }) =>
      printable(`flag ${flag} has this one as a prerequisite: ${one === undefined ? '' : reachLine(one)}`),
    ),
  ].join('\n\n');
}

function matrixTable(cells: readonly ChangeCell[]): string {
  const rows = cells.map(({ fromVariation, toVariation, reach }) => [
    variationText(fromVariation),
    fromVariation === toVariation ? '(the same)' : variationText(toVariation),
    bar(reach?.share?.value ?? 0, BAR_WIDTH),
    shareText(reach?.share?.value ?? 0),
    intervalOf(reach),
    shortNumber(Number(reach?.matched ?? 0n)),
  ]);
  return table(['FROM', 'TO', 'SHARE', '', '95 %', 'SAMPLED'], rows);
}

function changeTable(groups: readonly GroupChange[]): string {
  const rows = groups.map(({ group, moved }) => [
    ...groupNames(group),
    bar(moved?.share?.value ?? 0, BAR_WIDTH),
    shareText(moved?.share?.value ?? 0),
    intervalOf(moved),
    shortNumber(Number(moved?.sampled ?? 0n)),
  ]);
  return table(['BY', 'VALUE', 'WOULD CHANGE', '', '95 %', 'SAMPLED'], rows);
}

/** Only of those who would get something else. */
function examplesText(cells: readonly ChangeCell[]): string[] {
  const rows = cells
    .filter(({ fromVariation, toVariation }) => fromVariation !== toVariation)
    .flatMap(({ fromVariation, toVariation, examples }) =>
      examples.map(({ targetingKey, attributes, fromReason, toReason }) => [
        targetingKey === '' ? '(hashed)' : targetingKey,
        `${variationText(fromVariation)} (${reasonWord(fromReason)})`,
        `${variationText(toVariation)} (${reasonWord(toReason)})`,
        JSON.stringify(attributes ?? {}),
      ]),
    );
  return rows.length === 0 ? [] : [table(['EXAMPLE', 'FROM', 'TO', 'ATTRIBUTES'], rows)];
}

function reasonWord(reason: Reason): string {
  return enumWord(Reason, reason).toUpperCase();
}

function sampleText(sample: PreviewSample | undefined): string {
  if (sample === undefined) return '';
  const { knownContexts, sampled } = sample;
  return knownContexts === sampled
    ? `all ${sampled} that were seen`
    : `${sampled} of ${knownContexts} that were seen`;
}

function reachLine(reach: Reach): string {
  const { share, contexts, matched, sampled } = reach;
  const exact = share !== undefined && share.low === share.high;
  const range = share === undefined || exact ? '' : ` (95 %: ${intervalText(share)})`;
  const known =
    exact || contexts === undefined ? '' : `, about ${shortNumber(Math.round(contexts.value))} of all`;
  return `${shareText(share?.value ?? 0)}${range}: ${matched} of ${sampled}${known}`;
}

function rangeText({ value, low, high }: { value: number; low: number; high: number }): string {
  const round = (number: number) => shortNumber(Math.round(number));
  return low === high
    ? `about ${round(value)}`
    : `about ${round(value)} (95 %: ${round(low)} to ${round(high)})`;
}

function intervalOf(reach: Reach | undefined): string {
  const { share } = reach ?? {};
  return share === undefined || share.low === share.high ? '' : intervalText(share);
}

function groupNames(group: ContextGroup | undefined): [by: string, value: string] {
  const { kind, attribute = '' } = group ?? {};
  switch (kind?.case) {
    case 'segment':
      return ['segment', kind.value];
    case 'value': {
      const json: JsonValue = toJson(ValueSchema, kind.value);
      return [attribute, typeof json === 'string' ? json : JSON.stringify(json)];
    }
    case 'missing':
      return [attribute, '(missing)'];
    case 'other':
      return [attribute, '(others)'];
    default:
      return [attribute, ''];
  }
}
