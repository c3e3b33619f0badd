import type { Random } from '../../attacks/random.ts';
import type { Recorder } from '../history/recorder.ts';
import {
  type Pace,
  type Refused,
  refusedBy,
  type Service,
  type Wish,
  type WriteRequest,
  type Written,
} from './service.ts';

/** What writers know together: nothing but what they were told. */
export interface Knowledge {
  readonly environment: string;
  /** The version that each flag had when somebody last changed it. */
  readonly versions: Map<string, number>;
  head: number;
  /** The wall clock of the service: epoch milliseconds. */
  readonly wallMs: () => number;
}

export interface WriterParts {
  readonly name: string;
  readonly recorder: Recorder;
  readonly random: Random;
  readonly pace: Pace;
  /** Every replica, dead ones included. */
  readonly services: readonly Service[];
  readonly knowledge: Knowledge;
  /** How long to wait between two operations, at the most. */
  readonly thinkMs: number;
  readonly wish: (number: number) => Wish;
}

const ATTEMPTS = 40;
const LONGEST_PAUSE_MS = 400;

/**
 * Does one thing after the other, each with an idempotency key of its own, and again on another replica as long as
 * nobody can say whether it was done. What was begun when the pace is over is brought to its end.
 */
export async function runWriter(parts: WriterParts): Promise<void> {
  const { name, pace, random, thinkMs, wish } = parts;
  for (let number = 0; !pace.over.aborted; number++) {
    await write(parts, `${name}-${number}`, wish(number));
    await pace.sleep(random.whole(thinkMs + 1));
  }
}

/** Does one thing, again and again until it is known what became of it. The revision; 0 if there is none. */
export async function write(
  parts: Omit<WriterParts, 'thinkMs' | 'wish'>,
  key: string,
  wish: Wish,
): Promise<number> {
  const { recorder, random, knowledge, name } = parts;
  const flag = 'flag' in wish ? wish.flag : undefined;
  const seen = flag === undefined ? undefined : knowledge.versions.get(flag);
  const insists = wish.kind === 'set_value' && seen !== undefined && random.oneIn(2);
  const request: WriteRequest = { key, wish, ...(insists && { expectedVersion: seen }) };
  const operation = recorder.operation({
    ...{ client: name, key, what: wish.kind },
    ...(insists && { expected: { id: `flag//${flag}`, version: seen } }),
  });
  const { outcome, code, attempts, written } = await persist(parts, request);
  if (written?.unchanged === true) {
    // There is nothing of it in the log, just as of what was refused.
    operation.ended({ outcome, code: 'UNCHANGED', revision: 0, attempts });
    return 0;
  }
  if (written !== undefined) {
    knowledge.head = Math.max(knowledge.head, written.revision);
    if (flag !== undefined && CHANGES_FLAG.includes(wish.kind))
      knowledge.versions.set(flag, Math.max(written.revision, knowledge.versions.get(flag) ?? 0));
  }
  const revision = written?.revision ?? 0;
  operation.ended({ outcome, code, revision, attempts });
  return revision;
}

/** What changes the flag itself, and not its settings. */
const CHANGES_FLAG: readonly Wish['kind'][] = ['create_flag', 'archive_flag', 'set_value'];

async function persist(
  { services, random, pace }: Pick<WriterParts, 'services' | 'random' | 'pace'>,
  request: WriteRequest,
) {
  let isUnknown = false;
  let last: Refused | undefined;
  let attempts = 0;
  while (attempts < ATTEMPTS) {
    attempts++;
    const answer = await random.pick(services).write(request).catch(refusedBy);
    if (!(answer instanceof Error)) return { ...whatIsKnown(answer, isUnknown), written: answer, attempts };
    last = answer;
    isUnknown ||= answer.isUnknown;
    const again =
      answer.isUnknown || answer.reason === 'WRITE_CONTENTION' || answer.code === 'RESOURCE_EXHAUSTED';
    if (!again) break;
    await pace.sleep(random.whole(Math.min(LONGEST_PAUSE_MS, 10 * 2 ** attempts)));
  }
  // An earlier attempt may still be on its way, whatever became of the last one.
  return {
    outcome: isUnknown ? 'info' : 'fail',
    code: last?.code ?? '',
    written: undefined,
    attempts,
  } as const;
}

function whatIsKnown({ unchanged }: Written, isUnknown: boolean) {
  if (!unchanged) return { outcome: 'ok', code: '' } as const;
  return { outcome: isUnknown ? 'info' : 'fail', code: '' } as const;
}
