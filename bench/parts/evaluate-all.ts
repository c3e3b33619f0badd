import { EvaluateAllResponseSchema } from '../../gen/vexil/v1/evaluation_pb.ts';
import { scenarioOf } from '../evaluator/scenario.ts';
import { atLeast, type Part } from '../lib/part.ts';
import { loadUnary } from '../load/load.ts';
import { startContenders } from '../service/contenders.ts';
import { evaluateAllRequests, PATHS } from '../service/requests.ts';
import type { Service } from '../service/service.ts';
import {
  costRatio,
  FULL,
  loadInTurn,
  QUICK,
  summariesOf,
  throughputTable,
} from '../service/throughput-table.ts';
import { verifyAnswers } from '../service/verify-answers.ts';

const FLAGS = 350;
const USERS = scenarioOf('attributes 3').users.slice(0, 64);

/** All flags of an environment for one user. */
export const evaluateAll: Part = {
  name: 'evaluate-all',
  about: `EvaluateAll of ${FLAGS} flags over gRPC, beside grpc-js and connect-node`,
  run: async ({ quick, root, tell }) => {
    const { flags } = scenarioOf(`all-flags ${FLAGS}`);
    await using contenders = await startContenders(root, flags, [
      'vexil, slow path',
      'grpc-js',
      'connect-node',
    ]);
    const { services } = contenders;
    await verifyAnswers(services, PATHS.evaluateAll, evaluateAllRequests(USERS), EvaluateAllResponseSchema);
    tell(`evaluate-all: ${FLAGS} flags`);
    const found = await loadInTurn(evaluateAllLoads(services), quick ? QUICK : FULL);
    return {
      text: throughputTable(`EvaluateAll, ${FLAGS} flags, 8 × 2`, found),
      checks: [atLeast(`EvaluateAll of ${FLAGS} flags, grpc-js`, 3, costRatio(found, 'grpc-js').median)],
      data: summariesOf(found),
    };
  },
};

/** Calls for all flags, on 8 connections with 2 at a time, by server. */
export function evaluateAllLoads(services: readonly Service[]) {
  const messages = evaluateAllRequests(USERS);
  return new Map(
    services.map(({ name, port, pid, token }) => {
      const target = { port, pid, path: PATHS.evaluateAll, messages, ...(token !== undefined && { token }) };
      const load = (warmUpMs: number, durationMs: number) =>
        loadUnary({ ...target, connections: 8, inFlight: 2, warmUpMs, durationMs });
      return [name, load];
    }),
  );
}
