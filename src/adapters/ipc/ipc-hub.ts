import type { Clock } from '../../ports/clock.ts';
import { LIVE_MS, type Member, type ReplicaReport } from '../../ports/fleet-registry.ts';
import type { IpcMessage } from './ipc-message.ts';
import { type Line, linePair } from './line.ts';

/** The middle of a star: the process that started the others, and hands on what each has to say. */
export interface IpcHub {
  /** Takes in the line to another process, until it closes or the handle is disposed. */
  attach(line: Line): Disposable;
  /** A line for this process itself. */
  connect(): Line;
}

export function createIpcHub(clock: Clock): IpcHub {
  const lines = new Set<Line>();
  const reports = new Map<string, { readonly report: ReplicaReport; readonly at: number }>();

  function others(than: Line, message: IpcMessage): void {
    for (const line of lines) if (line !== than) line.send(message);
  }

  function members(): Member[] {
    const now = clock.monotonic();
    for (const [id, { at }] of reports) if (now - at > LIVE_MS) reports.delete(id);
    return [...reports.values()].map(({ report, at }) => ({ report, ageMs: now - at }));
  }

  function hear(line: Line, message: IpcMessage): void {
    const answer = (said: IpcMessage) => line.send(said);
    switch (message.kind) {
      case 'notice':
        others(line, message);
        break;
      case 'report': {
        const { report, call } = message;
        const known = reports.get(report.id)?.report.sequence ?? 0;
        if (known <= report.sequence) reports.set(report.id, { report, at: clock.monotonic() });
        answer({ kind: 'done', call });
        others(line, { kind: 'reported' });
        break;
      }
      case 'leave':
        reports.delete(message.id);
        answer({ kind: 'done', call: message.call });
        break;
      case 'ask-members':
        answer({ kind: 'members', call: message.call, members: members() });
        break;
    }
  }

  function attach(line: Line): Disposable {
    lines.add(line);
    const listening = line.listen((message) => hear(line, message as IpcMessage));
    const turns = line.onTurn(() => {
      if (line.isOpen()) lines.add(line);
      else lines.delete(line);
    });
    return {
      [Symbol.dispose]() {
        lines.delete(line);
        listening[Symbol.dispose]();
        turns[Symbol.dispose]();
      },
    };
  }

  return {
    attach,
    connect() {
      const [outer, inner] = linePair();
      attach(inner);
      return outer;
    },
  };
}
