import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { AcceptedNote } from '../app/exposures/accepted-note.ts';
import type { LeftNote, LeftNotes } from '../app/exposures/gone-processes.ts';

/** The notes of all processes that share a data directory. */
export interface AcceptedNotes extends LeftNotes {
  /** Of this process, under a name that no other ever had. There from now on, also once it is closed. */
  open(process: string): AcceptedNote & Disposable;
}

const FOLDER = 'accepted';
const DIGITS = 16;
const NAME = /^[A-Za-z0-9_-]{1,128}$/;

/** In a folder of the data directory. */
export function openAcceptedNotes(directory: string): AcceptedNotes {
  const folder = join(directory, FOLDER);
  const fileOf = (process: string) => join(folder, process);
  const own = new Set<string>();
  return {
    open(name) {
      if (!NAME.test(name)) throw new Error(`no process can be called ${name}`);
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const descriptor = openSync(fileOf(name), 'w', 0o600);
      own.add(name);
      let isOpen = true;
      let noted = -1;
      const note = (accepted: number) => {
        if (!isOpen || accepted <= noted) return;
        noted = accepted;
        writeQuietly(descriptor, noteText(accepted));
      };
      note(0);
      return {
        note,
        [Symbol.dispose]() {
          if (isOpen) closeSync(descriptor);
          isOpen = false;
        },
      };
    },
    left() {
      const notes = namesIn(folder).flatMap((name) => (NAME.test(name) ? readNote(fileOf(name), name) : []));
      return notes.filter((note) => !own.has(note.process) && !mayBeAlive(note, notes));
    },
    forget: (process) => rmSync(fileOf(process), { force: true }),
  };
}

interface NoteFile extends LeftNote {
  readonly pid: number;
}

/** Numbers of processes are used again: of several notes with one number only the newest can be of one that runs. */
function mayBeAlive({ pid, at, process: name }: NoteFile, notes: readonly NoteFile[]): boolean {
  if (notes.some((other) => other.pid === pid && other.process !== name && other.at >= at)) return false;
  if (pid === process.pid) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Always as long, so that what is written over it leaves nothing. */
function noteText(accepted: number): string {
  return `${String(accepted).padStart(DIGITS, '0')} ${process.pid}\n`;
}

function writeQuietly(descriptor: number, text: string): void {
  try {
    writeSync(descriptor, text, 0);
  } catch {
    // On a full disk the note stays as it is: less is then known to be lost.
  }
}

function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

function readNote(file: string, name: string): NoteFile[] {
  try {
    const [digits = '', pid = ''] = readFileSync(file, 'utf8').trim().split(' ');
    if (!/^\d{16}$/.test(digits) || !/^\d+$/.test(pid)) return [];
    const at = Math.floor(statSync(file).mtimeMs);
    return [{ process: name, accepted: Number(digits), at, pid: Number(pid) }];
  } catch {
    return [];
  }
}
