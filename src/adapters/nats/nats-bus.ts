import type { ChangeBus, ChangeNotice } from '../../ports/change-bus.ts';
import type { Clock } from '../../ports/clock.ts';
import { decodeNotice, encodeNotice } from './change-message.ts';
import { Listeners } from './listeners.ts';
import type { NatsLink } from './open-nats.ts';
import { quietReport, type Report } from './quiet-report.ts';
import { seal, unseal } from './sealed-message.ts';
import { subjectsOf } from './subjects.ts';

export interface NatsBusOptions {
  /** Stays open when the bus is disposed. */
  readonly link: NatsLink;
  /** What the subjects of this fleet begin with. */
  readonly prefix: string;
  /** Shared by the replicas, and by nobody else who can reach the server: see `messageKeyOf`. */
  readonly key: Uint8Array;
  readonly clock: Clock;
  readonly report: Report;
}

export interface NatsBus extends ChangeBus {
  /** How many messages were none that a replica of this fleet would send. */
  ignored(): number;
}

/**
 * The bus of replicas that share NATS servers. A notice that cannot be sent is gone. This replica's own notices take
 * no detour over a server.
 */
export function createNatsBus({ link, prefix, key, clock, report }: NatsBusOptions): NatsBus {
  const subjects = subjectsOf(prefix);
  const complain = quietReport(report, clock);
  const failed = (error: unknown) => complain('a subscriber of the bus failed', { error });
  const notices = new Listeners<ChangeNotice>(failed);
  const connections = new Listeners<void>(failed);
  let open = true;
  let ignored = 0;

  function hear(subject: string, message: Uint8Array): void {
    const body = unseal(key, subject, message);
    const notice = typeof body === 'string' ? undefined : decodeNotice(body);
    if (notice !== undefined && subjects.changesOf(notice.project) === subject) {
      notices.call(notice);
      return;
    }
    ignored++;
    complain('a message was ignored', { subject, why: typeof body === 'string' ? body : 'malformed' });
  }

  function send(notice: ChangeNotice): void {
    const subject = subjects.changesOf(notice.project);
    try {
      link.publish(subject, seal(key, subject, encodeNotice(notice)));
    } catch (error) {
      complain('a notice could not be sent', { subject, error });
    }
  }

  const subscription = link.subscribe(subjects.anyChange, hear);
  const connection = link.onConnected(() => connections.call());
  return {
    publish(notice) {
      if (!open) return;
      notices.callSoon(notice);
      if (link.connected()) send(notice);
    },
    subscribe: (listener) => notices.add(listener),
    connected: () => open && link.connected(),
    onConnected: (listener) => connections.add(listener),
    ignored: () => ignored,
    async [Symbol.asyncDispose]() {
      open = false;
      for (const handle of [subscription, connection]) handle[Symbol.dispose]();
      notices.clear();
      connections.clear();
    },
  };
}
