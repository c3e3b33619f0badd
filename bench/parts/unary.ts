import { EvaluateResponseSchema } from '../../gen/vexil/v1/evaluation_pb.ts';
import { scenarioOf } from '../evaluator/scenario.ts';
import { atLeast, type Check, type Part, type PartOptions } from '../lib/part.ts';
import { loadHttp1, loadUnary } from '../load/load.ts';
import { type ContenderName, startContenders } from '../service/contenders.ts';
import { evaluateBodies, evaluateRequests, PATHS } from '../service/requests.ts';
import type { Service } from '../service/service.ts';
import {
  costRatio,
  type Figures,
  FULL,
  type LoadPlan,
  loadInTurn,
  QUICK,
  summariesOf,
  throughputTable,
} from '../service/throughput-table.ts';
import { verifyAnswers, verifyJsonAnswers } from '../service/verify-answers.ts';

const FLAG = 'new-checkout';
/** One rule and a rollout, and users with three attributes. */
const { flags, users } = scenarioOf('attributes 3');
const USERS = users.slice(0, 64);

export interface Shape {
  readonly connections: number;
  readonly inFlight: number;
}

const FEW_BUSY: Shape = { connections: 8, inFlight: 8 };
const MANY_CALM: Shape = { connections: 64, inFlight: 1 };

const GRPC: readonly ContenderName[] = ['vexil, slow path', 'grpc-js', 'connect-node'];
const JSON_PEERS: readonly ContenderName[] = ['connect-node, HTTP/1.1'];

/** One call, one small evaluation. */
export const unary: Part = {
  name: 'unary',
  about: 'Evaluate over gRPC and over Connect with JSON, beside grpc-js and connect-node',
  run: async (options) => {
    const plan = options.quick ? QUICK : FULL;
    const [busy, calm] = await overGrpc(options, plan);
    const json = await overHttp1(options, plan);
    const tables = [
      throughputTable('gRPC, 8 connections × 8 calls', busy),
      throughputTable('gRPC, 64 connections × 1 call', calm),
      throughputTable('Connect JSON over HTTP/1.1, 64 × 1', json),
    ];
    return {
      text: tables.join('\n\n'),
      checks: [...checksOf(busy, '8 × 8'), ...checksOf(calm, '64 × 1')],
      data: { 'grpc 8x8': summariesOf(busy), 'grpc 64x1': summariesOf(calm), json: summariesOf(json) },
    };
  },
};

async function overGrpc({ root, tell }: PartOptions, plan: LoadPlan) {
  await using contenders = await startContenders(root, flags, GRPC);
  const { services } = contenders;
  await verifyAnswers(services, PATHS.evaluate, evaluateRequests(FLAG, USERS), EvaluateResponseSchema);
  tell('unary: gRPC, 8 connections × 8 calls');
  const busy = await loadInTurn(unaryLoads(services, FEW_BUSY), plan);
  tell('unary: gRPC, 64 connections × 1 call');
  const calm = await loadInTurn(unaryLoads(services, MANY_CALM), plan);
  return [busy, calm] as const;
}

async function overHttp1({ root, tell }: PartOptions, plan: LoadPlan) {
  await using contenders = await startContenders(root, flags, JSON_PEERS);
  await verifyJsonAnswers(contenders.services, PATHS.evaluate, evaluateBodies(FLAG, USERS));
  tell('unary: Connect JSON over HTTP/1.1');
  return await loadInTurn(jsonLoads(contenders.services), plan);
}

/** Small evaluations over gRPC, by server. */
export function unaryLoads(services: readonly Service[], shape: Shape) {
  const messages = evaluateRequests(FLAG, USERS);
  return new Map(
    services.map((service) => [
      service.name,
      (warmUpMs: number, durationMs: number) =>
        loadUnary({ ...targetOf(service), messages, ...shape, warmUpMs, durationMs }),
    ]),
  );
}

/** The same over HTTP/1.1 with JSON. */
export function jsonLoads(services: readonly Service[]) {
  const bodies = evaluateBodies(FLAG, USERS);
  const { connections } = MANY_CALM;
  return new Map(
    services.map((service) => [
      service.name,
      (warmUpMs: number, durationMs: number) =>
        loadHttp1({ ...targetOf(service), bodies, connections, warmUpMs, durationMs }),
    ]),
  );
}

function targetOf({ port, pid, token }: Service) {
  return { port, pid, path: PATHS.evaluate, ...(token !== undefined && { token }) };
}

function checksOf(found: ReadonlyMap<string, Figures>, shape: string): Check[] {
  return [
    atLeast(`unary gRPC ${shape}, grpc-js`, 1.7, costRatio(found, 'grpc-js').median),
    atLeast(`unary gRPC ${shape}, connect-node`, 8, costRatio(found, 'connect-node').median),
  ];
}
