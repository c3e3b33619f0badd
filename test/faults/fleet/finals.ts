import { setTimeout as delay } from 'node:timers/promises';
import type { Change } from '../../../src/core/change.ts';
import type { Instant } from '../../../src/core/model.ts';
import type { Service, Told } from '../clients/service.ts';
import { Replay } from '../history/replay.ts';
import type { FleetReplica } from './fleet-replica.ts';
import { callWithin } from './grpc-calls.ts';
import type { Scene } from './scene.ts';

/** How long everybody may take, before it counts as never. */
const PATIENCE_MS = 20_000;
/** What was on its way when the last fault was over arrives within. */
const MOST_ROUNDS = 6;
/** Within which everything that was planned is due, and done. */
const PLANS_MS = 5_000;

/**
 * Waits until every replica is at the head, and takes down how it is found there; resolves to the log, and to the
 * moment that it is of. Also has each verify the chain of hashes.
 */
export async function findFinals(
  scene: Scene,
): Promise<{ readonly log: readonly Change[]; readonly asOf: Instant }> {
  await using progress = followRevisions(scene);
  let log = await logWithoutPlans(scene);
  const asOf = new Date().toISOString();
  let found = await findAll(scene, progress, log.length);
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const later = await scene.log();
    if (later.length === log.length) break;
    log = later;
    found = await findAll(scene, progress, log.length);
  }
  for (const final of found) scene.recorder.final({ ...final, environment: scene.knowledge.environment });
  await watchersAtHead(scene, log);
  for (const replica of scene.fleet.replicas) await verify(scene, replica, log.length);
  return { log, asOf };
}

/** The log once nothing is planned any more; what nobody makes happen is not waited for longer than it may take. */
async function logWithoutPlans({ log: read, sleep }: Scene): Promise<readonly Change[]> {
  const untilMs = performance.now() + PLANS_MS;
  for (;;) {
    const log = await read();
    const replay = new Replay();
    for (const change of log) replay.apply(change);
    if (performance.now() > untilMs || replay.planned().next().done) return log;
    await sleep(200);
  }
}

/** The service's own judgement of the chain of hashes. */
async function verify(
  { fleet, recorder, project }: Scene,
  replica: FleetReplica,
  head: number,
): Promise<void> {
  const grpc = replica.grpc();
  if (grpc === undefined) return;
  const options = { token: fleet.adminToken, deadlineMs: PATIENCE_MS };
  const asked = callWithin(grpc, 'HistoryService/VerifyHistory', { parent: project }, options);
  const verdict = await asked.catch((error: unknown) => ({ error: String(error) }));
  if (!('intact' in verdict && Number(verdict.revisionsChecked) === head))
    recorder.incident(`${replica.name} does not find the log intact: ${JSON.stringify(verdict)}`);
}

/** Which revision each replica was seen to have, and when first. */
interface Progress extends AsyncDisposable {
  /** Undefined: it was not seen yet with that revision or a later one. */
  reachedAt(replica: string, revision: number): number | undefined;
}

/** Looks again and again until disposed: reading a long log takes time in which nobody would look. */
function followRevisions({ services, recorder }: Scene): Progress {
  const steps = new Map<string, { readonly revision: number; readonly at: number }[]>();
  let isOver = false;
  const follow = async (service: Service): Promise<void> => {
    const seen: { readonly revision: number; readonly at: number }[] = [];
    steps.set(service.replica, seen);
    while (!isOver) {
      const revision = await service.staleness().then(
        (answer) => answer.revision,
        () => 0,
      );
      if (revision > (seen.at(-1)?.revision ?? 0)) seen.push({ revision, at: recorder.now() });
      await delay(25);
    }
  };
  const following = services.map(follow);
  return {
    reachedAt: (replica, revision) => steps.get(replica)?.find((step) => step.revision >= revision)?.at,
    async [Symbol.asyncDispose]() {
      isOver = true;
      await Promise.all(following);
    },
  };
}

async function findAll(scene: Scene, progress: Progress, head: number) {
  return await Promise.all(scene.services.map((service) => findOne(service, progress, head)));
}

async function findOne(service: Service, progress: Progress, head: number) {
  const { replica } = service;
  const untilMs = performance.now() + PATIENCE_MS;
  while (performance.now() < untilMs && progress.reachedAt(replica, head) === undefined) await delay(25);
  const reachedAt = progress.reachedAt(replica, head) ?? Number.POSITIVE_INFINITY;
  const end = await snapshotEnd(service).catch(() => undefined);
  return { replica, reachedAt, revision: end?.revision ?? 0, stateHash: end?.stateHash ?? '' };
}

async function snapshotEnd(service: Service) {
  const leaving = new AbortController();
  try {
    for await (const told of service.watch({ kind: 'definitions' }, '', leaving.signal))
      if (isEnd(told)) return told.message;
    return undefined;
  } finally {
    leaving.abort();
  }
}

function isEnd(told: Told): told is Told & { message: { kind: 'end'; revision: number; stateHash: string } } {
  return told.message.kind === 'end';
}

/** Watchers are told by a bookmark, at the latest, that they are at the head. */
async function watchersAtHead({ recorder, sleep }: Scene, log: readonly Change[]): Promise<void> {
  const untilMs = performance.now() + PATIENCE_MS;
  while (performance.now() < untilMs) {
    if (recorder.watchersAt(log.length)) return;
    await sleep(50);
  }
}
