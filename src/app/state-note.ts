import { z } from 'zod';
import type { Instant } from '../core/model.ts';
import type { Lineage } from './lineage.ts';
import type { Problem } from './quarantine.ts';

/** What a state on disk needs besides its objects to be served while nobody can be asked. */
export interface StateNote extends Lineage {
  /** Of the change that made the state's revision. */
  readonly time: Instant;
  readonly problems: readonly Problem[];
  /** When the state was last known to be the newest, by this machine's clock (epoch milliseconds). Absent: nobody knows. */
  readonly verifiedAt?: number;
}

const FORMAT = 1;

const Note = z.object({
  format: z.literal(FORMAT),
  genesis: z.string().min(1),
  adoptions: z.array(z.object({ hash: z.string(), abandons: z.number() })),
  time: z.string(),
  problems: z.array(
    z.object({
      id: z
        .object({
          kind: z.enum(['project', 'environment', 'flag', 'settings', 'segment', 'release', 'key']),
          environment: z.string(),
          key: z.string(),
        })
        .exactOptional(),
      revision: z.number(),
      message: z.string(),
    }),
  ),
  verifiedAt: z.number().exactOptional(),
});

export function noteText(note: StateNote): string {
  return JSON.stringify({ format: FORMAT, ...note });
}

/** The note in a text; undefined if there is none that this build knows how to read. */
export function readNote(text: string | undefined): StateNote | undefined {
  if (text === undefined) return undefined;
  try {
    return Note.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
