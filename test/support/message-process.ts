import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import type { Message } from './stock-protos.ts';

/** A program that writes messages for as long as it runs. Killed when disposed. */
export interface MessageProcess extends Disposable {
  /** The messages since the last call, up to the first that fits. Rejects if the program ends before. */
  until(fits: (message: Message) => boolean): Promise<Message[]>;
}

/** `parse` finds the messages that have arrived in full in all that was written so far. */
export function messageProcess(
  program: string,
  args: readonly string[],
  parse: (written: Buffer) => Message[],
): MessageProcess {
  const child = spawn(program, args, { detached: true });
  const output = collect(child);
  let taken = 0;
  return {
    async until(fits) {
      for (;;) {
        const messages = parse(output.written());
        const at = messages.findIndex((message, index) => index >= taken && fits(message));
        if (at >= 0) {
          const found = messages.slice(taken, at + 1);
          taken = at + 1;
          return found;
        }
        if (output.isOver())
          throw new Error(`${program} has ended: ${output.written()} ${output.complaints()}`);
        await output.more();
      }
    },
    // The whole group: a program may be a script that runs another.
    [Symbol.dispose]: () => {
      if (!output.isOver() && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    },
  };
}

function collect(child: ChildProcessWithoutNullStreams) {
  let written: Buffer = Buffer.alloc(0);
  let complaints = '';
  let isOver = false;
  let wake = () => {};
  child.stdout.on('data', (chunk: Buffer) => {
    written = Buffer.concat([written, chunk]);
    wake();
  });
  child.stderr.on('data', (chunk) => {
    complaints += String(chunk);
  });
  child.on('close', () => {
    isOver = true;
    wake();
  });
  return {
    written: () => written,
    complaints: () => complaints,
    isOver: () => isOver,
    more: () =>
      new Promise<void>((resume) => {
        wake = resume;
      }),
  };
}
