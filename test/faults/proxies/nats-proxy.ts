import { createRandom } from '../../attacks/random.ts';
import { type FaultProxy, type FaultProxyOptions, type Stage, startFaultProxy } from './fault-proxy.ts';
import { createFrameParser, type Frame } from './nats-frames.ts';

/** What happens to messages, in percent of them. Lines of the protocol itself pass untouched. */
export interface MessageFaults {
  readonly dropPercent: number;
  readonly duplicatePercent: number;
  /** These are held back, and come after one to four later frames. */
  readonly reorderPercent: number;
}

export const NO_MESSAGE_FAULTS: MessageFaults = { dropPercent: 0, duplicatePercent: 0, reorderPercent: 0 };

export interface NatsProxyOptions extends Omit<FaultProxyOptions, 'toClientStage'> {
  /** Which messages it may harm. Default: all. */
  readonly harms?: (subject: string) => boolean;
}

/** A fault proxy before a NATS server that also loses, doubles and reorders messages on their way to the client. */
export interface NatsProxy extends AsyncDisposable {
  /** For what may happen to the connection. */
  readonly tcp: FaultProxy;
  /** Sets these faults and leaves the others as they are. */
  setMessages(faults: Partial<MessageFaults>): void;
  /** How many messages passed untouched, and how many did not. */
  readonly counts: { passed: number; dropped: number; duplicated: number; reordered: number };
  /** Takes away every fault. Connections that were cut stay cut. */
  heal(): void;
}

const MOST_HELD = 64;

export async function startNatsProxy(options: NatsProxyOptions): Promise<NatsProxy> {
  let faults = NO_MESSAGE_FAULTS;
  const counts = { passed: 0, dropped: 0, duplicated: 0, reordered: 0 };
  const random = createRandom(options.seed ?? 1);
  const stage = stageOf({ faults: () => faults, counts, random, harms: options.harms ?? (() => true) });
  const tcp = await startFaultProxy({ ...options, toClientStage: stage });
  return {
    tcp,
    counts,
    setMessages(some) {
      faults = { ...faults, ...some };
    },
    heal() {
      faults = NO_MESSAGE_FAULTS;
      tcp.heal();
    },
    [Symbol.asyncDispose]: () => tcp[Symbol.asyncDispose](),
  };
}

interface StageParts {
  readonly faults: () => MessageFaults;
  readonly counts: NatsProxy['counts'];
  readonly random: ReturnType<typeof createRandom>;
  readonly harms: (subject: string) => boolean;
}

function stageOf({ faults, counts, random, harms }: StageParts): Stage {
  return (pass) => {
    const parse = createFrameParser();
    let held: { frame: Frame; after: number }[] = [];
    const forward = (frame: Frame) => {
      pass(frame.bytes);
      const due = held.filter((each) => --each.after <= 0);
      held = held.filter((each) => each.after > 0);
      for (const each of due) pass(each.frame.bytes);
    };
    const isIn = (percent: number) => percent > 0 && random.whole(100) < percent;
    return (bytes) => {
      for (const frame of parse(bytes)) {
        const { dropPercent, duplicatePercent, reorderPercent } = faults();
        if (frame.subject === undefined || !harms(frame.subject)) forward(frame);
        else if (isIn(dropPercent)) counts.dropped++;
        else if (isIn(reorderPercent) && held.length < MOST_HELD) {
          counts.reordered++;
          held.push({ frame, after: 1 + random.whole(4) });
        } else {
          const isDouble = isIn(duplicatePercent);
          if (isDouble) counts.duplicated++;
          else counts.passed++;
          forward(frame);
          if (isDouble) forward(frame);
        }
      }
    };
  };
}
