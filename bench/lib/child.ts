import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { within } from './within.ts';

/** A process of its own that answers questions; both travel as JSON, and their types are taken on trust. */
export interface Child extends AsyncDisposable {
  readonly pid: number;
  /** Rejects with what went wrong there, if the process ends, or after five minutes. */
  ask<Answer>(question: unknown): Promise<Answer>;
  /** The first line of its standard output that fits. Rejects if the process ends before, or after a minute. */
  line(fits: (line: string) => boolean): Promise<string>;
}

export interface ChildOptions {
  readonly args?: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly execArgv?: readonly string[];
}

interface Question {
  /** Tells questions from whatever else a program says to its children. */
  readonly benchQuestion: number;
  readonly question: unknown;
}

interface Reply {
  readonly benchQuestion: number;
  readonly answer?: unknown;
  readonly error?: string;
}

const KEPT_COMPLAINTS = 4_000;
const ANSWER_WITHIN_MS = 300_000;
const LINE_WITHIN_MS = 60_000;

/** Starts a file. Disposing of it kills it and waits until it is gone; it ends with this process as well. */
export function startChild(file: string, options: ChildOptions = {}): Child {
  const child = fork(file, options.args ?? [], {
    env: { PATH: process.env.PATH ?? '', NODE_ENV: 'production', ...options.env },
    execArgv: ['--disable-warning=ExperimentalWarning', ...(options.execArgv ?? [])],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const complaints = complaintsOf(child);
  const gone = once(child, 'exit').then(
    ([code, signal]) => new Error(`${file} ended with ${code ?? signal}\n${complaints()}`),
  );
  return {
    pid: child.pid ?? 0,
    ask: asking(child, gone),
    line: (fits) => lineOf(child, fits, gone),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

/** The end of what it has written to its standard error. */
function complaintsOf(child: ChildProcess): () => string {
  let text = '';
  child.stderr?.setEncoding('utf8').on('data', (more: string) => {
    text = (text + more).slice(-KEPT_COMPLAINTS);
  });
  return () => text;
}

function asking(child: ChildProcess, gone: Promise<Error>): Child['ask'] {
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let asked = 0;
  child.on('message', (message) => {
    const reply = message as Reply;
    const { resolve, reject } = waiting.get(reply.benchQuestion) ?? {};
    waiting.delete(reply.benchQuestion);
    if (reply.error === undefined) resolve?.(reply.answer);
    else reject?.(new Error(reply.error));
  });
  void gone.then((error) => {
    for (const { reject } of waiting.values()) reject(error);
  });
  return async <Answer>(question: unknown) => {
    const reply = Promise.withResolvers<unknown>();
    const benchQuestion = ++asked;
    waiting.set(benchQuestion, reply);
    child.send({ benchQuestion, question } satisfies Question, (error) => error && reply.reject(error));
    return (await within(ANSWER_WITHIN_MS, 'an answer', reply.promise)) as Answer;
  };
}

function lineOf(child: ChildProcess, fits: (line: string) => boolean, gone: Promise<Error>): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let rest = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    const found = lines.find(fits);
    if (found !== undefined) resolve(found);
  });
  void gone.then(reject);
  return within(LINE_WITHIN_MS, `a line of ${child.spawnargs.join(' ')}`, promise);
}

/** In the process that was started: answers questions until the asking process is gone. */
export function answerQuestions<Q>(answerTo: (question: Q) => unknown): void {
  process.on('disconnect', () => process.exit());
  process.on('message', (message) => {
    const { benchQuestion, question } = message as Question;
    if (benchQuestion === undefined) return;
    const reply = (rest: Partial<Reply>) => process.send?.({ benchQuestion, ...rest } satisfies Reply);
    Promise.try(answerTo, question as Q).then(
      (answer) => reply({ answer }),
      (error: unknown) =>
        reply({ error: error instanceof Error ? (error.stack ?? error.message) : `${error}` }),
    );
  });
}
