import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A checkout of another commit, ready to run. Disposing of it, or ending the program, removes it. */
export interface Worktree extends Disposable {
  readonly root: string;
  /** The commit, shortened. */
  readonly commit: string;
}

/**
 * Checks a commit out beside the checkout at `here`, with the packages that it asks for: those of `here` if its lockfile
 * is the same, otherwise its own. Throws if there is no such commit.
 */
export function checkOut(here: string, rev: string, tell: (line: string) => void): Worktree {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: here, encoding: 'utf8' }).trim();
  const commit = git('rev-parse', '--short', '--verify', `${rev}^{commit}`);
  const folder = mkdtempSync(join(tmpdir(), 'vexil-against-'));
  const root = join(folder, 'worktree');
  const remove = () => {
    spawnSync('git', ['worktree', 'remove', '--force', root], { cwd: here });
    rmSync(folder, { recursive: true, force: true });
    spawnSync('git', ['worktree', 'prune'], { cwd: here });
  };
  const onSignal = () => process.exit(130);
  process.once('exit', remove);
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  git('worktree', 'add', '--detach', root, commit);
  provide(here, root, tell);
  return {
    root,
    commit,
    [Symbol.dispose]: () => {
      process.off('exit', remove);
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
      remove();
    },
  };
}

function provide(here: string, root: string, tell: (line: string) => void): void {
  const lockOf = (folder: string) => readFileSync(join(folder, 'package-lock.json'), 'utf8');
  if (lockOf(here) === lockOf(root)) {
    symlinkSync(join(here, 'node_modules'), join(root, 'node_modules'));
    return;
  }
  tell('Its lockfile is another one: npm ci');
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
