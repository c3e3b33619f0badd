import { FlagError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { FleetRegistry, Member } from '../../ports/fleet-registry.ts';
import type { IpcMessage } from './ipc-message.ts';
import type { Line } from './line.ts';

const PATIENCE_MS = 5_000;

type Answer = Extract<IpcMessage, { kind: 'done' | 'members' }>;

/** The registry of one of several processes, kept by the hub at the other end of the line. */
export function createIpcRegistry(line: Line, clock: Clock): FleetRegistry {
  const waiting = new Map<number, (answer: Answer) => void>();
  const listeners = new Set<{ readonly listener: () => void }>();
  let calls = 0;
  let open = true;

  const listening = line.listen((received) => {
    const message = received as IpcMessage;
    if (message.kind === 'reported') for (const { listener } of [...listeners]) listener();
    else if (message.kind === 'done' || message.kind === 'members') waiting.get(message.call)?.(message);
  });

  function ask(question: (call: number) => IpcMessage): Promise<Answer> {
    if (!open || !line.isOpen()) return Promise.reject(unreachable());
    const call = ++calls;
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const late = clock.after(PATIENCE_MS, () => reject(unreachable()));
    waiting.set(call, resolve);
    line.send(question(call));
    return promise.finally(() => {
      waiting.delete(call);
      late[Symbol.dispose]();
    });
  }

  return {
    async report(report) {
      await ask((call) => ({ kind: 'report', call, report }));
    },
    async leave(id) {
      await ask((call) => ({ kind: 'leave', call, id }));
    },
    async members(): Promise<readonly Member[]> {
      const answer = await ask((call) => ({ kind: 'ask-members', call }));
      return answer.kind === 'members' ? answer.members : [];
    },
    subscribe(listener) {
      const entry = { listener };
      if (open) listeners.add(entry);
      return { [Symbol.dispose]: () => void listeners.delete(entry) };
    },
    async [Symbol.asyncDispose]() {
      open = false;
      listening[Symbol.dispose]();
      listeners.clear();
    },
  };
}

function unreachable(): FlagError {
  return new FlagError('unavailable', 'the process that keeps the registry cannot be reached', {
    reason: 'REGISTRY_UNREACHABLE',
  });
}
