import { setImmediate as nextTurn } from 'node:timers/promises';
import { parentPort } from 'node:worker_threads';
import { type ErrorDetails, type ErrorKind, FlagError } from '../../core/errors.ts';

/** What is asked of a thread. */
export interface Question {
  readonly id: number;
  readonly method: string;
  readonly values: readonly unknown[];
}

/** Asked of a thread to see whether it hears anything at all. It is answered even before what it opens is open. */
export const PING = 'ping';

/** What a thread says: the answer, a long list in parts without any value at the end, or what went wrong. */
export type Answer =
  | { readonly id: number; readonly kind: 'part'; readonly items: readonly unknown[] }
  | { readonly id: number; readonly kind: 'answer'; readonly value?: unknown }
  | { readonly id: number; readonly kind: 'failure'; readonly failure: Failure }
  /** It could not be opened: this thread is asked in vain. */
  | { readonly id: number; readonly kind: 'unopened'; readonly failure: Failure };

interface Failure {
  /** Absent for what is no `FlagError`. */
  readonly kind?: ErrorKind;
  readonly message: string;
  readonly details: ErrorDetails;
}

/** So many items are read by the other side in one turn of its event loop. */
const ITEMS_A_PART = 2_000;

export function errorOf({ kind, message, details }: Failure): Error {
  return kind === undefined ? new Error(message) : new FlagError(kind, message, details);
}

/**
 * Answers in this thread what the other side asks, by the methods of what `open` opens, until it is told to end; then
 * everything that was begun is answered first.
 */
export function answerQuestions<T extends AsyncDisposable>(open: () => Promise<T>): void {
  const port = parentPort;
  if (port === null) throw new Error('this is no thread');
  const opened = open();
  let failed: Answer['kind'] = 'unopened';
  opened.then(
    () => {
      failed = 'failure';
    },
    () => {},
  );
  const running = new Set<Promise<void>>();
  const answer = async ({ id, method, values }: Question) => {
    try {
      const target = await opened;
      const value: unknown = await Reflect.apply(
        Reflect.get(target, method) as () => unknown,
        target,
        values,
      );
      for (const message of answersTo(id, value)) {
        port.postMessage(message);
        await nextTurn();
      }
    } catch (error) {
      port.postMessage({ id, kind: failed, failure: failureOf(error) });
    }
  };
  port.on('message', async (question: Question | undefined) => {
    if (question === undefined) {
      await Promise.all(running);
      await opened.then((target) => target[Symbol.asyncDispose]()).catch(() => {});
      // What was said before it is closed still arrives.
      port.close();
      return;
    }
    if (question.method === PING) {
      port.postMessage({ id: question.id, kind: 'answer' });
      return;
    }
    const answering = answer(question);
    running.add(answering);
    await answering;
    running.delete(answering);
  });
}

function* answersTo(id: number, value: unknown): Generator<Answer> {
  if (!Array.isArray(value) || value.length <= ITEMS_A_PART) yield { id, kind: 'answer', value };
  else {
    for (let from = 0; from < value.length; from += ITEMS_A_PART)
      yield { id, kind: 'part', items: value.slice(from, from + ITEMS_A_PART) };
    yield { id, kind: 'answer' };
  }
}

/** Without its cause, which may be something that cannot be handed over. */
function failureOf(error: unknown): Failure {
  if (!(error instanceof FlagError)) return { message: String(error), details: {} };
  const { cause, ...details } = error.details;
  return { kind: error.kind, message: error.message, details };
}
