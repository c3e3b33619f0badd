import { fork } from 'node:child_process';

/**
 * Runs a file in a process of its own, with the task as its only argument, and returns what it says with `answer`; both
 * travel as JSON, and their types are taken on trust. Rejects if it ends without an answer. The process has ended when
 * this settles.
 */
export function isolate<Answer>(file: URL, task: unknown): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const env = { ...process.env, NODE_ENV: 'production', NODE_OPTIONS: '' };
  const execArgv = ['--disable-warning=ExperimentalWarning'];
  const child = fork(file, [JSON.stringify(task)], { env, execArgv });
  let text: string | undefined;
  child.once('message', (message) => {
    text = String(message);
    child.kill('SIGKILL');
  });
  child.once('error', reject);
  child.once('exit', (code) => {
    if (text === undefined) reject(new Error(`${file.pathname} ended with ${code} and without an answer`));
    else resolve(JSON.parse(text));
  });
  return promise;
}

/** For the file that is run: its task. */
export function ownTask<Task>(): Task {
  return JSON.parse(process.argv[2] ?? 'null');
}

/** For the file that is run: hands its result over, which ends the process. Without a parent process it is printed. */
export function answer(result: unknown): void {
  const text = JSON.stringify(result);
  if (process.send === undefined) console.log(text);
  else process.send(text);
}
