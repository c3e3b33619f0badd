import type { Context } from '../../../src/core/context.ts';
import type { Random } from '../../attacks/random.ts';
import type { Recorder } from '../history/recorder.ts';
import { type Pace, refusedBy, type Service } from './service.ts';
import type { Knowledge } from './writer-client.ts';

export interface ReaderParts {
  readonly recorder: Recorder;
  readonly random: Random;
  readonly pace: Pace;
  readonly services: readonly Service[];
  readonly knowledge: Knowledge;
  readonly contexts: readonly Context[];
  readonly flags: readonly string[];
  /** How long to wait between two questions, at the most. */
  readonly thinkMs: number;
}

/** Asks replicas what flags are worth, now and then for no less than what somebody has written, and how stale they are. */
export async function runReader(parts: ReaderParts): Promise<void> {
  const { random, pace, services, thinkMs } = parts;
  while (!pace.over.aborted) {
    const service = random.pick(services);
    await evaluate(parts, service);
    await askStaleness(parts, service);
    await pace.sleep(random.whole(thinkMs + 1));
  }
}

async function evaluate(parts: ReaderParts, service: Service): Promise<void> {
  const { recorder, random, knowledge } = parts;
  const [flag, context] = [random.pick(parts.flags), random.pick(parts.contexts)];
  const atLeast = random.oneIn(5) ? knowledge.head : 0;
  const seen = { replica: service.replica, environment: knowledge.environment, flag, context, atLeast };
  const answer = await service.evaluate(flag, context, atLeast).catch(refusedBy);
  if (answer instanceof Error) recorder.evaluated({ ...seen, revision: 0, witness: '', code: answer.code });
  else recorder.evaluated({ ...seen, ...answer });
}

async function askStaleness({ recorder }: ReaderParts, service: Service): Promise<void> {
  // It cannot have been said before it was asked.
  const saidAt = recorder.now();
  const answer = await service.staleness().catch(refusedBy);
  if (!(answer instanceof Error)) recorder.claimed({ replica: service.replica, saidAt, ...answer });
}
