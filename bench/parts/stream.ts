import { EvaluateStreamResponseSchema } from '../../gen/vexil/v1/evaluation_pb.ts';
import { scenarioOf } from '../evaluator/scenario.ts';
import { atLeast, type Part } from '../lib/part.ts';
import { loadStream } from '../load/load.ts';
import { startContenders } from '../service/contenders.ts';
import { evaluateStreamRequests, PATHS } from '../service/requests.ts';
import type { Service } from '../service/service.ts';
import {
  costRatio,
  type Figures,
  FULL,
  loadInTurn,
  QUICK,
  summariesOf,
  throughputTable,
} from '../service/throughput-table.ts';
import { verifyAnswers } from '../service/verify-answers.ts';

const FLAG = 'new-checkout';
const IN_FLIGHT = [1, 16, 100];
const { flags, users } = scenarioOf('attributes 3');
const REQUESTS = evaluateStreamRequests(FLAG, users.slice(0, 64));

/** Evaluations as messages on one stream. */
export const stream: Part = {
  name: 'stream',
  about: 'EvaluateStream with 1, 16 and 100 messages under way, beside grpc-js and connect-node',
  run: async ({ quick, root, tell }) => {
    await using contenders = await startContenders(root, flags, [
      'vexil, slow path',
      'grpc-js',
      'connect-node',
    ]);
    const { services } = contenders;
    await verifyAnswers(services, PATHS.evaluateStream, REQUESTS, EvaluateStreamResponseSchema, 'stream');
    const found = new Map<number, ReadonlyMap<string, Figures>>();
    for (const inFlight of IN_FLIGHT) {
      tell(`stream: ${inFlight} in flight`);
      found.set(inFlight, await loadInTurn(streamLoads(services, inFlight), quick ? QUICK : FULL));
    }
    const tables = [...found].map(([inFlight, figures]) =>
      throughputTable(`EvaluateStream, ${inFlight} in flight`, figures),
    );
    const ratio = costRatio(found.get(16) ?? new Map(), 'grpc-js').median;
    return {
      text: tables.join('\n\n'),
      checks: [atLeast('EvaluateStream, 16 in flight, grpc-js', 3.5, ratio)],
      data: Object.fromEntries([...found].map(([inFlight, figures]) => [inFlight, summariesOf(figures)])),
    };
  },
};

/** One stream with so many messages under way, by server. */
export function streamLoads(services: readonly Service[], inFlight: number) {
  return new Map(
    services.map(({ name, port, pid, token }) => {
      const path = PATHS.evaluateStream;
      const target = { port, pid, path, messages: REQUESTS, ...(token !== undefined && { token }) };
      const load = (warmUpMs: number, durationMs: number) =>
        loadStream({ ...target, inFlight, warmUpMs, durationMs });
      return [name, load];
    }),
  );
}
