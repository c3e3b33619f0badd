import { hashOf } from '../../../src/app/change-hash.ts';
import type { Change } from '../../../src/core/change.ts';
import type { ChangeLog } from '../../../src/ports/change-log.ts';
import type { Random } from '../../attacks/random.ts';
import type { Recorder } from '../history/recorder.ts';
import { PLACE } from './project.ts';
import type { SimReplica } from './sim-replica.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface TroubleParts {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly replicas: readonly SimReplica[];
  readonly recorder: Recorder;
  readonly log: ChangeLog;
  /** No trouble begins later; each is over soon after. */
  readonly untilMs: number;
}

type Trouble = (parts: TroubleParts, replica: SimReplica) => Promise<void>;

const LONGEST_MS = 2_000;
const MOST_PAUSE_MS = 900;

/** One trouble after the other, and sometimes several at once; resolves when the last is over. */
export async function runTroubles(parts: TroubleParts): Promise<void> {
  const { time, random, replicas, recorder, untilMs } = parts;
  const running: Promise<void>[] = [];
  while (time.nowMs < untilMs) {
    const [name, trouble] = random.pick(TROUBLES);
    const replica = random.pick(replicas);
    const over = recorder.fault(`${name} of ${replica.name}`);
    running.push(trouble(parts, replica).then(over));
    await time.sleep(random.whole(MOST_PAUSE_MS));
  }
  await Promise.all(running);
}

const kill: Trouble = async ({ time, random }, replica) => {
  replica.kill();
  await time.sleep(random.whole(LONGEST_MS));
  await replica.start();
};

const stop: Trouble = async (parts, replica) => {
  replica.sayGoodbye();
  await parts.time.sleep(parts.random.whole(300));
  await kill(parts, replica);
};

const loseBus: Trouble = async ({ time, random }, { end }) => {
  end?.connect(false);
  await time.sleep(random.whole(LONGEST_MS));
  end?.connect(true);
};

const loseLog: Trouble = async ({ time, random }, { reach }) => {
  reach.reachable = false;
  await time.sleep(random.whole(LONGEST_MS));
  reach.reachable = true;
};

const flakyLog: Trouble = async ({ time, random }, { reach }) => {
  reach.failPercent = 30;
  await time.sleep(random.whole(LONGEST_MS));
  reach.failPercent = 0;
};

const slowLog: Trouble = async ({ time, random }, { reach }) => {
  reach.slowMs = 400;
  await time.sleep(random.whole(LONGEST_MS));
  reach.slowMs = 3;
};

/** It hears of nothing, and learns late what it asks for. */
const loseTouch: Trouble = async (parts, replica) => {
  await Promise.all([loseBus(parts, replica), slowLog(parts, replica)]);
};

/** Somebody on the bus says what is not true: a revision that is not there, or another change than the log's. */
const forge: Trouble = async ({ random, log, replicas }) => {
  const newest = (await log.readBack(PLACE.project, Number.MAX_SAFE_INTEGER, 1))[0];
  if (newest === undefined) return;
  const ahead = random.pick([0, 1, 1, 1, 1_000]);
  const forged = resealed({ ...newest, revision: newest.revision + ahead, previousHash: 'f'.repeat(64) });
  const notice = { project: PLACE.project, revision: forged.revision, hash: forged.hash, change: forged };
  for (const { end } of replicas) end?.forge(notice);
};

const TROUBLES: readonly (readonly [string, Trouble])[] = [
  ['death', kill],
  ['stop', stop],
  ['loss of the bus', loseBus],
  ['loss of the log', loseLog],
  ['unsteady log', flakyLog],
  ['slow log', slowLog],
  ['loss of touch', loseTouch],
  ['forged notice', forge],
];

function resealed(change: Change): Change {
  const reason = 'forged';
  return { ...change, reason, hash: hashOf({ ...change, reason }) };
}
