import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { SetRolloutRequestSchema } from '../../gen/vexil/v1/flag_service_pb.ts';
import type { BenchFlag, BenchRule } from '../evaluator/scenario.ts';
import type { Change } from './service.ts';

/** A flag as the API shows it. */
export interface Definition {
  readonly flag: unknown;
  readonly settings: unknown;
}

/** What a Vexil was filled with. */
export interface Filling {
  readonly definitions: readonly Definition[];
  /** Of a server key. */
  readonly token: string;
  /** Moves the rollout of the first flag's first rule to and fro. */
  readonly change: Change;
}

const CALL_TIMEOUT_MS = 30_000;
const PROJECT = 'projects/default';
const ENVIRONMENT = `${PROJECT}/environments/production`;

/** Makes flags and a key through the API of a Vexil that has just started for the first time. */
export async function fill(port: number, dataDir: string, flags: readonly BenchFlag[]): Promise<Filling> {
  const adminToken = (await readFile(join(dataDir, 'admin.key'), 'utf8')).trim();
  const call = callsTo(port, adminToken);
  // A key is a change too, so it comes first: answers carry the revision of the last one.
  const key = await call('KeyService/CreateKey', {
    parent: PROJECT,
    key: { kind: 'KEY_KIND_SERVER', environment: ENVIRONMENT },
  });
  const definitions: Definition[] = [];
  for (const flag of flags) definitions.push(await makeFlag(call, flag));
  return { definitions, token: String(key.secret), change: changeOf(flags[0]?.key ?? '', adminToken) };
}

type Call = (method: string, request: unknown) => Promise<Record<string, unknown>>;

function callsTo(port: number, token: string): Call {
  return async (method, request) => {
    const response = await fetch(`http://127.0.0.1:${port}/vexil.v1.${method}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(request),
      signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} was refused: ${text}`);
    return JSON.parse(text);
  };
}

/** Made and set in two steps, as a person would. */
async function makeFlag(call: Call, { key, rules }: BenchFlag): Promise<Definition> {
  const { flag } = await call('FlagService/CreateFlag', {
    ...{ parent: PROJECT, flagId: key, enabledEnvironments: ['production'] },
    flag: { type: 'FLAG_TYPE_BOOLEAN' },
  });
  const { settings } = await call('FlagService/UpdateFlagSettings', {
    settings: { name: settingsName(key), rules: rules.map(ruleOf) },
    updateMask: 'rules',
  });
  return { flag, settings };
}

function settingsName(key: string): string {
  return `${ENVIRONMENT}/flags/${key}`;
}

function ruleOf(rule: BenchRule, index: number) {
  if (rule.kind === 'segment') throw new Error('there are no segments in the service that is measured');
  const values = rule.kind === 'attribute' ? rule.values : [];
  const percent = rule.kind === 'attribute' ? rule.percent : undefined;
  return {
    ...{ id: `rule-${index}`, serve: { variation: 'on' } },
    ...(rule.kind === 'attribute' && {
      condition: { clause: { attribute: rule.attribute, operator: 'OPERATOR_IN', values } },
    }),
    ...(percent !== undefined && { rollout: { weight: percent * 1000 } }),
  };
}

function changeOf(key: string, token: string): Change {
  const messages = [40_000, 50_000].map((weight) =>
    toBinary(
      SetRolloutRequestSchema,
      create(SetRolloutRequestSchema, { name: settingsName(key), ruleId: 'rule-0', weight }),
    ),
  );
  return { path: '/vexil.v1.FlagService/SetRollout', token, messages };
}
