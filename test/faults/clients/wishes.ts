import type { Random } from '../../attacks/random.ts';
import type { Wish } from './service.ts';
import type { Knowledge } from './writer-client.ts';

/** There from the beginning, and never deleted: what readers ask for. */
export const LASTING_FLAGS = ['search', 'checkout', 'payments'] as const;
const PASSING_FLAGS = ['trial-1', 'trial-2', 'trial-3'] as const;
export const SEGMENT = 'beta';
export const ANNA = { targetingKey: 'anna', attributes: {} } as const;
export const BERT = { targetingKey: 'bert', attributes: {} } as const;

/** What a writer may think of: everything that changes something, values most often. */
export function wishOf(random: Random, knowledge: Knowledge, key: string): Wish {
  const flag = random.pick(random.oneIn(3) ? PASSING_FLAGS : LASTING_FLAGS);
  const passing = random.pick(PASSING_FLAGS);
  switch (random.whole(13)) {
    case 0:
      return { kind: 'create_flag', flag: passing };
    case 1:
      return { kind: 'archive_flag', flag: passing };
    case 2:
      return { kind: 'delete_flag', flag: passing };
    case 3:
      return { kind: 'halt_flag', flag };
    case 4:
      return { kind: 'resume_flag', flag };
    case 5:
      return { kind: 'add_target', flag, environment: 'staging', user: key };
    case 6:
      return { kind: 'add_target', flag, environment: knowledge.environment, user: key };
    case 7:
      return { kind: 'set_segment', segment: SEGMENT, included: [key] };
    case 8:
      return random.oneIn(3)
        ? { kind: 'revert_to', revision: Math.max(FIRST_REVERTIBLE, knowledge.head - 1 - random.whole(6)) }
        : { kind: 'set_value', flag, value: key };
    case 9:
      return { kind: 'plan', flag, at: soon(random, knowledge), halts: random.oneIn(2) };
    default:
      return { kind: 'set_value', flag, value: key };
  }
}

/** Within two seconds, but not so soon that it is past by the time it is asked for. */
function soon(random: Random, { wallMs }: Knowledge): string {
  return new Date(Math.round(wallMs()) + 500 + random.whole(1_500)).toISOString();
}

/** Before that, not everything is there that has to last. */
export const FIRST_REVERTIBLE = 6;
