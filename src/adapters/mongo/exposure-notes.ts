import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { RecordedPlace } from '../../ports/exposure-store.ts';
import { entryIn } from './exposure-cells.ts';
import type { ExposureCollections } from './exposure-collections.ts';
import type { HourDocument, Roll, RowsDocument } from './exposure-documents.ts';
import { type Hours, hourId, type PlacedHour } from './exposure-hours.ts';
import type { Pages } from './exposure-pages.ts';
import { isLater, type Seen, type Subjects } from './exposure-subjects.ts';
import { openTurns } from './exposure-turns.ts';
import { elsewhere } from './mongo-errors.ts';
import type { Mongo } from './open-mongo.ts';

/** What is noted in one go. */
const MAX_ROWS = 500_000;
const ATTEMPTS = 50;
const PAUSE_MS = 20;

/**
 * Notes of subjects what is in hours: many rolls in one go, and only when somebody asks, for it is the most expensive
 * part of all. Any number of processes may, and may be killed at it.
 */
export interface Notes {
  /** Notes all that is in the hours of a place, or of all places. Rejects as busy if somebody else was always faster. */
  noteAll(place?: RecordedPlace): Promise<void>;
}

export interface NotesParts {
  readonly hours: Hours;
  readonly pages: Pages;
  readonly subjects: Subjects;
}

export function openNotes(
  mongo: Mongo,
  all: ExposureCollections,
  { hours, pages, subjects }: NotesParts,
): Notes {
  async function seenIn(hour: number, rolls: readonly string[]): Promise<Map<string, Seen>> {
    const seen = new Map<string, Seen>();
    const of = (subject: string) =>
      entryIn(seen, subject, (): Seen => ({ got: new Map(), hours: new Set(), firstAt: Infinity }));
    const turn = openTurns();
    await pages.eachRows(rolls, undefined, async (document) => {
      addRows(document, of);
      await turn(document.rows.time.length);
    });
    for (const { events } of await pages.events(rolls))
      for (const { subject } of events) if (subject !== '') of(subject).hours.add(hour);
    for (const { contexts } of await pages.contexts(rolls))
      for (const context of contexts) {
        const one = of(context.subject);
        one.firstAt = Math.min(one.firstAt, context.seenAt);
        if (one.context === undefined || one.context.seenAt <= context.seenAt) one.context = context;
      }
    return seen;
  }

  /** Says which rolls are noted now. False if something else has happened to the hour than that rolls came. */
  async function save(at: PlacedHour, era: string, noted: ReadonlySet<string>): Promise<boolean> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const now = await hours.at(at);
      if (now?.era !== era) return false;
      const rolls = now.rolls.map((roll) => (noted.has(roll.id) ? { ...roll, noted: true } : roll));
      if ((await hours.replace(now, { rolls, era: randomUUID() })) !== undefined) return true;
      await delay(PAUSE_MS * Math.random());
    }
    throw elsewhere();
  }

  /** Whether all is noted. */
  async function step(at: PlacedHour): Promise<boolean> {
    const now = await hours.at(at);
    if (now === undefined) return true;
    const rolls = unnotedIn(now);
    if (rolls.length === 0) return true;
    const seen = await seenIn(at.hour, rolls);
    const isCurrent = async () => (await hours.at(at))?.era === now.era;
    const isNoted = await subjects.note({ place: at.place, stamp: randomUUID(), seen, isCurrent });
    // Nobody looks for contexts here any more.
    if (isNoted && (await save(at, now.era, new Set(rolls))))
      await mongo.run(() => all.contexts.deleteMany({ roll: { $in: rolls } }));
    return false;
  }

  return {
    async noteAll(place) {
      for (const { project, environment, hour, ...document } of await hours.loose(place)) {
        const at = { place: { project, environment }, hour };
        if (document._id !== hourId(at)) continue;
        for (let attempt = 0; !(await step(at)); attempt++) {
          if (attempt === ATTEMPTS) throw elsewhere();
          if (attempt > 0) await delay(PAUSE_MS * Math.random());
        }
      }
    },
  };
}

/** Whether what is in the roll has to be looked for in the roll itself. */
export function isUnnoted({ noted }: Roll): boolean {
  return noted !== true;
}

/** Some of them, if there are many. */
function unnotedIn({ rolls }: HourDocument): string[] {
  let rows = 0;
  return rolls
    .filter(isUnnoted)
    .filter((roll, index) => {
      rows += roll.rows;
      return index === 0 || rows <= MAX_ROWS;
    })
    .map(({ id }) => id);
}

function addRows({ flag, hour, answers, rows }: RowsDocument, of: (subject: string) => Seen): void {
  const { time, answer, subject } = rows;
  for (const [index, at] of time.entries()) {
    const who = subject[index] ?? '';
    if (who === '') continue;
    const { variation } = answers[answer[index] ?? -1] ?? { variation: '' };
    const one = of(who);
    const known = one.got.get(flag);
    one.hours.add(hour);
    one.firstAt = Math.min(one.firstAt, at);
    if (known === undefined || isLater({ at, variation }, known)) one.got.set(flag, { at, variation });
  }
}
