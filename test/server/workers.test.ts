import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { startWorkers, type WorkersOptions } from '../../src/server/workers.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const MUTE = new URL('./mute-worker.ts', import.meta.url);
const PATIENCE = { timeout: 20_000, interval: 20 };

function options(start: WorkersOptions['start']) {
  const clock = createFakeClock();
  const lost: string[] = [];
  const started: ChildProcess[] = [];
  return {
    ...{ clock, lost, started },
    all: {
      ...{ count: 1, port: 0, clock, onServing: () => undefined },
      onLost: (_index: number, how: string) => void lost.push(how),
      start: (index: number, port: number) => {
        const child = start(index, port);
        started.push(child);
        return child;
      },
    },
  };
}

const mute = (index: number, port: number) =>
  fork(MUTE, [String(index), String(port)], { serialization: 'advanced' });

describe('workers', () => {
  it('are replaced when they say nothing any more, on the same port', async () => {
    const { clock, lost, started, all } = options(mute);
    const workers = await startWorkers(all);
    expect(workers.port).toBe(4_711);
    for (let seconds = 0; seconds < 30; seconds += 5) clock.advance(5_000);
    const [hung] = started;
    if (hung !== undefined && hung.signalCode === null) await once(hung, 'exit');
    expect(hung?.signalCode).toBe('SIGKILL');
    await vi.waitFor(() => expect(lost).toEqual(['was ended by SIGKILL']), PATIENCE);
    clock.advance(1_000);
    await vi.waitFor(() => expect(workers.serving()).toBe(1), PATIENCE);
    expect(started).toHaveLength(2);
    expect(started[1]?.spawnargs.at(-1)).toBe('4711');
    await workers.stop(0);
    expect(workers.serving()).toBe(0);
  });

  it('that end before they listen are the end of the start, and none is left', async () => {
    const { started, lost, all } = options((index, port) =>
      index === 0 ? mute(index, port) : fork(MUTE, [], { execArgv: ['--no-such-option'], stdio: 'ignore' }),
    );
    await expect(startWorkers({ ...all, count: 2 })).rejects.toThrow('before it listened');
    expect(lost).toEqual([]);
    for (const { exitCode, signalCode } of started) expect(exitCode ?? signalCode).not.toBeNull();
  });

  it('that cannot be started at all are noticed', async () => {
    const { all } = options(() => spawn('/nowhere/at/all', { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] }));
    await expect(startWorkers(all)).rejects.toThrow('could not be started');
  });
});
