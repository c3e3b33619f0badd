import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import type { DescEnum, DescService } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { AnalyticsService } from '../gen/vexil/v1/analytics_service_pb.ts';
import { OperatorSchema } from '../gen/vexil/v1/definitions_pb.ts';
import { ErrorCodeSchema, EvaluationService, ReasonSchema } from '../gen/vexil/v1/evaluation_pb.ts';
import { FlagService } from '../gen/vexil/v1/flag_service_pb.ts';
import { FleetService } from '../gen/vexil/v1/fleet_service_pb.ts';
import { HistoryService } from '../gen/vexil/v1/history_service_pb.ts';
import { KeyService } from '../gen/vexil/v1/key_service_pb.ts';
import { ProjectService } from '../gen/vexil/v1/project_service_pb.ts';
import { ReleaseService } from '../gen/vexil/v1/release_service_pb.ts';
import { SegmentService } from '../gen/vexil/v1/segment_service_pb.ts';
import { TelemetryService } from '../gen/vexil/v1/telemetry_service_pb.ts';
import { bucketOf, salted } from '../src/core/buckets.ts';
import { loadConfig } from '../src/server/config.ts';

const ROOT = join(import.meta.dirname, '..');
const concepts = read('docs/concepts.md');
const api = read('docs/api.md');
const operations = read('docs/operations.md');

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** What is under a heading, up to the next one. */
function section(text: string, heading: string): string {
  const [, found] = text.split(new RegExp(`^#+ ${heading}$`, 'm'));
  if (found === undefined) throw new Error(`no heading ${heading}`);
  return found.split(/^#+ /m)[0] ?? '';
}

/** The rows of the tables in a text, without headers; a cell in backquotes without them. */
function rows(text: string): string[][] {
  return [...text.matchAll(/^\|(?! *-).*\|$(?!\n\| *-)/gm)].map(([line]) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim().replace(/^`([^`]*)`$/, '$1')),
  );
}

function firstCells(text: string): string[] {
  return rows(text).map(([cell = '']) => cell);
}

/** The values of an enum of the API, without their prefix. */
function valuesOf({ values, sharedPrefix = '' }: DescEnum): string[] {
  return values
    .filter(({ number }) => number !== 0)
    .map(({ name }) => name.slice(sharedPrefix.length))
    .sort();
}

function isLimit(variable: string): boolean {
  return variable.startsWith('VEXIL_LIMIT_');
}

describe('docs/concepts.md', () => {
  it('lists every operator, reason and error code, and no other', () => {
    const operators = valuesOf(OperatorSchema).map((name) => name.toLowerCase());
    expect(firstCells(section(concepts, 'Operators')).sort()).toEqual(operators);
    expect(firstCells(section(concepts, 'Reasons')).sort()).toEqual(valuesOf(ReasonSchema));
    expect(firstCells(section(concepts, 'Error codes')).sort()).toEqual(valuesOf(ErrorCodeSchema));
  });

  it('lists every limit with its default, and no other', () => {
    const documented = rows(section(concepts, 'Limits')).map(([variable, number]) => [
      variable,
      Number(number),
    ]);
    const limits = Object.entries(loadConfig({}).limits).map(([name, number]) => [variableOf(name), number]);
    expect(documented).toEqual(limits);
  });

  it('says which buckets there are', () => {
    const buckets = rows(section(concepts, 'Percentages')).filter(([salt = '']) => /^new-/.test(salt));
    expect(buckets).toHaveLength(2);
    for (const [salt = '', ...numbers] of buckets)
      expect(numbers.map(Number)).toEqual(
        (['murmur3', 'sha256', 'fnv1a'] as const).map((hash) => bucketOf(salted(hash, salt), 'anna')),
      );
  });
});

function variableOf(limit: string): string {
  return `VEXIL_LIMIT_${limit.replace(/[A-Z]/g, '_$&').toUpperCase()}`;
}

describe('docs/operations.md', () => {
  it('lists every variable that the code reads, and no other', () => {
    const code = globSync('src/**/*.ts', { cwd: ROOT }).map(read).join('\n');
    const known = new Set(code.match(/\bVEXIL_[A-Z_]*[A-Z]\b(?!_)/g));
    const documented = firstCells(operations).filter((cell) => cell.startsWith('VEXIL_'));
    const isKnown = (name: string) => known.has(name) || known.has(name.replace(/_FILE$/, ''));
    expect([...known].filter((name) => !documented.includes(name))).toEqual([]);
    expect(documented.filter((name) => !isKnown(name))).toEqual([]);
    const mentioned = `${concepts}${api}${operations}`.match(/VEXIL_[A-Z_]*[A-Z]\b(?!_)/g) ?? [];
    expect(mentioned.filter((name) => !isLimit(name) && !isKnown(name))).toEqual([]);
  });

  it('says what the variables of the service are by default', () => {
    const [service = ''] = section(operations, 'Variables').split('The command line reads');
    const defaults = rows(service).filter(([, value]) => value !== '');
    expect(defaults.length).toBeGreaterThan(20);
    for (const [name = '', value] of defaults)
      expect([name, loadConfig({ [name]: value })]).toEqual([name, loadConfig({})]);
  });
});

describe('docs/api.md', () => {
  it.each<DescService>([
    EvaluationService,
    TelemetryService,
    ProjectService,
    FlagService,
    SegmentService,
    ReleaseService,
    KeyService,
    HistoryService,
    FleetService,
    AnalyticsService,
  ])('lists every method of $name, and no other', (service) => {
    expect(firstCells(section(api, service.name)).sort()).toEqual(
      service.methods.map(({ name }) => name).sort(),
    );
  });

  it('lists every reason that an error may have', () => {
    const code = globSync('src/{app,core,rpc,adapters/**}/**/*.ts', { cwd: ROOT }).map(read).join('\n');
    const reasons = new Set([...code.matchAll(/\breason: '([A-Z][A-Z_0-9]+)'/g)].map(([, reason]) => reason));
    expect(reasons.size).toBeGreaterThan(40);
    const errors = section(api, 'Errors');
    const outcomes = valuesOf(ReasonSchema);
    expect(
      [...reasons].filter((reason) => !outcomes.includes(`${reason}`) && !errors.includes(`\`${reason}\``)),
    ).toEqual([]);
  });
});

describe.each(['README.md', ...globSync('{docs,test/vectors}/**/*.md', { cwd: ROOT })])('%s', (path) => {
  it('has no relative link that leads nowhere', () => {
    const text = read(path).replaceAll(/^```[\s\S]*?^```$/gm, '');
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
    expect(links.filter((target) => !/^[a-z]+:/.test(target) && !leadsSomewhere(path, target))).toEqual([]);
  });
});

function leadsSomewhere(from: string, link: string): boolean {
  const [file = '', anchor] = link.split('#');
  const path = file === '' ? from : relative(ROOT, join(ROOT, normalize(join(dirname(from), file))));
  if (!existsSync(join(ROOT, path))) return false;
  return anchor === undefined || anchorsOf(read(path)).includes(anchor);
}

/** As GitHub makes them of headings. */
function anchorsOf(markdown: string): string[] {
  const text = markdown.replaceAll(/^```[\s\S]*?^```$/gm, '');
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
