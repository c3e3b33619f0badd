import { FlagError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import { type FleetRegistry, LIVE_MS, type ReplicaReport } from '../../ports/fleet-registry.ts';
import { readReport, reportText } from '../../ports/fleet-report-text.ts';
import { Listeners } from './listeners.ts';
import type { NatsLink } from './open-nats.ts';
import { quietReport, type Report } from './quiet-report.ts';
import { seal, unseal } from './sealed-message.ts';
import { subjectsOf } from './subjects.ts';

export interface NatsFleetOptions {
  /** Stays open when the registry is disposed. */
  readonly link: NatsLink;
  /** What the subjects of this fleet begin with. */
  readonly prefix: string;
  /** Shared by the replicas, and by nobody else who can reach the server: see `messageKeyOf`. */
  readonly key: Uint8Array;
  readonly clock: Clock;
  readonly report: Report;
}

/** What replicas say on the subject of the fleet: a letter, and what belongs to it. */
const REPORT = 'r';
const LEAVE = 'l';
/** Whoever has just come says what it said last, and asks the others to do so. */
const ASK = 'a';

/** When all come at once, and all ask, one answer is enough. */
const ANSWER_AFTER_MS = 50;

export interface NatsRegistry extends FleetRegistry {
  /** How many messages were none that a replica of this fleet would send. */
  ignored(): number;
}

/** The registry of replicas that share NATS servers: what this one has heard. Nothing is kept anywhere else. */
export function createNatsRegistry({ link, prefix, key, clock, report }: NatsFleetOptions): NatsRegistry {
  const subject = subjectsOf(prefix).fleet;
  const complain = quietReport(report, clock);
  const listeners = new Listeners<void>((error) => complain('a listener of the fleet failed', { error }));
  const heard = new Map<string, { readonly report: ReplicaReport; readonly at: number }>();
  let own: ReplicaReport | undefined;
  let answering: Disposable | undefined;
  let open = true;
  let ignored = 0;

  const send = (letter: string, text = '') =>
    link.publish(subject, seal(key, subject, Buffer.from(`${letter}${text}`)));

  /** What was said before is not news, and as old as it was. */
  function keep(made: ReplicaReport): void {
    const known = heard.get(made.id)?.report.sequence;
    if (known !== undefined && known >= made.sequence) return;
    if (known === undefined) forget();
    heard.set(made.id, { report: made, at: clock.monotonic() });
  }

  function forget(): void {
    const now = clock.monotonic();
    for (const [id, { at }] of heard) if (now - at > LIVE_MS) heard.delete(id);
  }

  function heed(letter: string, text: string): boolean {
    if (letter === LEAVE) heard.delete(text);
    else if (letter === REPORT) {
      const made = readReport(text);
      if (made === undefined) return false;
      keep(made);
    } else if (letter !== ASK) return false;
    if (letter === ASK) answering ??= clock.after(ANSWER_AFTER_MS, answer);
    else listeners.call();
    return true;
  }

  function answer(): void {
    answering?.[Symbol.dispose]();
    answering = undefined;
    if (open && own !== undefined) send(REPORT, reportText(own));
  }

  function hear(_subject: string, message: Uint8Array): void {
    const body = unseal(key, subject, message);
    const text = typeof body === 'string' ? undefined : Buffer.from(body).toString();
    if (text !== undefined && heed(text.slice(0, 1), text.slice(1))) return;
    ignored++;
    complain('a message was ignored', { subject, why: typeof body === 'string' ? body : 'malformed' });
  }

  function checkReachable(): void {
    if (!open) throw new FlagError('unavailable', 'the registry is closed', { reason: 'REGISTRY_CLOSED' });
    if (!link.connected()) throw unreachable();
  }

  const subscription = link.subscribe(subject, hear);
  const introduce = () => {
    answer();
    send(ASK);
  };
  const connection = link.onConnected(introduce);
  if (link.connected()) introduce();
  return {
    async report(made) {
      own = made;
      if (open) keep(made);
      checkReachable();
      if (!send(REPORT, reportText(made))) throw unreachable();
    },
    async leave(id) {
      own = undefined;
      heard.delete(id);
      checkReachable();
      if (!send(LEAVE, id)) throw unreachable();
    },
    async members() {
      checkReachable();
      forget();
      const now = clock.monotonic();
      return [...heard.values()].map((each) => ({ report: each.report, ageMs: now - each.at }));
    },
    subscribe: (listener) => listeners.add(listener),
    ignored: () => ignored,
    async [Symbol.asyncDispose]() {
      open = false;
      for (const handle of [subscription, connection, answering]) handle?.[Symbol.dispose]();
      listeners.clear();
    },
  };
}

function unreachable(): FlagError {
  return new FlagError('unavailable', 'NATS cannot be reached', { reason: 'NATS_UNREACHABLE' });
}
