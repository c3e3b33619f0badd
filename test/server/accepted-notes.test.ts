import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { GoneProcesses } from '../../src/app/exposures/gone-processes.ts';
import { FlagError } from '../../src/core/errors.ts';
import { openAcceptedNotes } from '../../src/server/accepted-notes.ts';
import { createExposureModel } from '../contract/exposure-model.ts';
import { temporaryDirectory } from '../contract/sqlite-stores.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

async function directoryOf(): Promise<string> {
  const directory = await temporaryDirectory();
  open.push(directory);
  return directory.path;
}

/** A process that has noted so much in that directory, and does nothing more. */
async function noting(directory: string, name: string, accepted: number) {
  const module = new URL('../../src/server/accepted-notes.ts', import.meta.url).href;
  const script = `import { openAcceptedNotes } from '${module}';
    const note = openAcceptedNotes('${directory}').open('${name}');
    for (let count = 0; count <= ${accepted}; count++) note.note(count);
    process.stdout.write('noted');
    setInterval(() => undefined, 1_000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return {
    async kill() {
      child.kill('SIGKILL');
      await once(child, 'close');
    },
  };
}

describe('the notes of what was accepted', () => {
  it('are there after a process was killed, to the last one, and not before', async () => {
    const path = await directoryOf();
    const notes = openAcceptedNotes(path);
    const child = await noting(path, 'other', 1_234);
    expect(notes.left()).toEqual([]);
    await child.kill();
    expect(notes.left()).toMatchObject([{ process: 'other', accepted: 1_234 }]);
    notes.forget('other');
    expect([notes.left(), readdirSync(join(path, 'accepted'))]).toEqual([[], []]);
  });

  it('never take the own process for one that is gone, and keep the highest number', async () => {
    const path = await directoryOf();
    const notes = openAcceptedNotes(path);
    const note = notes.open('own');
    for (const accepted of [5, 100_000_000, 7]) note.note(accepted);
    expect(notes.left()).toEqual([]);
    note[Symbol.dispose]();
    note.note(200_000_000);
    // The next run of the service has the same number in a container, and another name.
    expect(openAcceptedNotes(path).left()).toMatchObject([{ process: 'own', accepted: 100_000_000 }]);
  });

  it('take all but the newest of a number of the system for gone, and skip what is no note', async () => {
    const path = await directoryOf();
    openAcceptedNotes(path).open('own')[Symbol.dispose]();
    const write = (name: string, text: string, second: number) => {
      writeFileSync(join(path, 'accepted', name), text);
      utimesSync(join(path, 'accepted', name), second, second);
    };
    write('older', `0000000000000007 ${process.ppid}\n`, 1_000);
    write('newer', `0000000000000009 ${process.ppid}\n`, 2_000);
    write('torn', '00000', 1_000);
    write('no name', `0000000000000009 ${process.ppid}\n`, 1_000);
    const left = openAcceptedNotes(path).left();
    expect(left.filter(({ process: name }) => name !== 'own')).toEqual([
      { process: 'older', accepted: 7, at: 1_000_000, pid: process.ppid },
    ]);
  });

  it('end in the store, however long that is away, and only then are forgotten', async () => {
    const path = await directoryOf();
    const notes = openAcceptedNotes(path);
    const child = await noting(path, 'other', 40);
    await child.kill();
    const clock = createFakeClock();
    const model = createExposureModel();
    let isAway = true;
    const store = {
      ...model,
      close: async (name: string, accepted: number, at: number) => {
        if (isAway) throw new FlagError('unavailable', 'the store cannot be reached');
        await model.close(name, accepted, at);
      },
    };
    const report = vi.fn();
    await using _gone = new GoneProcesses({ notes, store, clock, report });
    await vi.waitFor(() => expect(report).toHaveBeenCalledTimes(1));
    expect(notes.left()).toHaveLength(1);
    isAway = false;
    await vi.waitFor(() => {
      clock.advance(1_000);
      expect(notes.left()).toEqual([]);
    });
    const [entry] = await model.ledger(10);
    expect(entry).toMatchObject({ process: 'other', accepted: 40, lost: new Map([['killed', 40]]) });
  });
});
