import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type Summary, summarize } from './summary.ts';

const COUNT = `
  const endMs = Date.now() + 400;
  let hash = 1;
  let rounds = 0;
  for (; Date.now() < endMs; rounds++) for (let at = 0; at < 10000; at++) hash = Math.imul(hash ^ at, 0x5bd1e995);
  console.log(hash === 0 ? 0 : rounds);
`;

/** How many times as much two processes get done as one that only count: what the machine itself allows for. */
export async function speedUpOfTwo(rounds: number): Promise<Summary> {
  const ratios: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const alone = await count();
    const [first, second] = await Promise.all([count(), count()]);
    ratios.push((first + second) / alone);
  }
  return summarize(ratios);
}

async function count(): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', COUNT]);
  return Number(stdout);
}
