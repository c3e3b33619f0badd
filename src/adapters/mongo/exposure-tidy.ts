import { randomUUID } from 'node:crypto';
import { Cells, entryIn } from './exposure-cells.ts';
import { type ExposureCollections, rolledCollections } from './exposure-collections.ts';
import type { Cell, HourDocument, MinuteCell, Roll } from './exposure-documents.ts';
import type { Hours, PlacedHour } from './exposure-hours.ts';
import { isUnnoted } from './exposure-notes.ts';
import { openPages } from './exposure-pages.ts';
import { dropRolls, latestContexts, piecesOf, type RollContent, writePieces } from './exposure-pieces.ts';
import type { Roller } from './exposure-roll.ts';
import { type NumberedRow, rowsIn } from './exposure-rows.ts';
import { openTurns } from './exposure-turns.ts';
import type { Mongo } from './open-mongo.ts';

/** What is put together at most. */
const MAX_ROWS = 100_000;

export interface Tidier {
  /**
   * Makes one roll of those that are small, if there are at least so many of them, and removes what was left behind by
   * whoever died at it. False if somebody else was faster: nothing has changed then.
   */
  tidy(at: PlacedHour, least: number): Promise<boolean>;
}

export function openTidier(mongo: Mongo, all: ExposureCollections, hours: Hours, roller: Roller): Tidier {
  async function rollsThere({ place: { project, environment }, hour }: PlacedHour): Promise<string[]> {
    const there = new Set<string>();
    for (const collection of rolledCollections(all)) {
      const found = await mongo.run(() => collection.distinct('roll', { hour, project, environment }));
      for (const roll of found) if (typeof roll === 'string') there.add(roll);
    }
    return [...there];
  }

  /** Undefined if some of it cannot be read: then it is left as it is, for whoever can mend it. */
  async function contentOf(rolls: readonly string[]): Promise<RollContent | undefined> {
    const turn = openTurns();
    let isWhole = true;
    const pages = openPages(mongo, all, () => {
      isWhole = false;
    });
    const totals = new Cells();
    for (const { cells } of await pages.totals(rolls)) totals.addCells(0, cells);
    const minutes = new Map<string, Cells>();
    for (const { flag, cells } of await pages.minutes(rolls)) {
      const own = entryIn(minutes, flag, () => new Cells());
      for (const cell of cells) own.add(cell.at, { ...cell, flag }, cell.count, cell.estimate);
      await turn(cells.length);
    }
    const rows: NumberedRow[] = [];
    await pages.eachRows(rolls, undefined, async (document) => {
      for (const row of rowsIn(document)) rows.push(row);
      await turn(document.rows.time.length);
    });
    const events = (await pages.events(rolls)).flatMap((document) => document.events);
    const contexts = latestContexts((await pages.contexts(rolls)).flatMap((document) => document.contexts));
    if (!isWhole) return undefined;
    return { totals: totals.totals() as Cell[], minutes: cellsOf(minutes), rows, events, contexts };
  }

  /** The roll that takes the place of these; undefined if they have to stay. */
  async function merged(at: PlacedHour, rolls: readonly Roll[]): Promise<Roll | undefined> {
    const content = await contentOf(rolls.map(({ id }) => id));
    if (content === undefined) return undefined;
    const roll = randomUUID();
    await writePieces(mongo, all, await piecesOf({ ...at, roll }, content));
    const noted = !rolls.some(isUnnoted);
    return { id: roll, rows: content.rows.length + content.events.length, noted };
  }

  return {
    async tidy(at, least) {
      const seen = await hours.at(at);
      if (seen === undefined || !(await hours.loosen(seen))) return seen === undefined;
      await roller.strip(seen);
      const there = await rollsThere(at);
      const small = smallIn(seen);
      const one = small.length >= least ? await merged(at, small) : undefined;
      const rolls =
        one === undefined ? seen.rolls : [...seen.rolls.filter((roll) => !small.includes(roll)), one];
      const token = await hours.replace(seen, { rolls, pending: [], era: randomUUID() });
      const isCounted = (id: string) => rolls.some((roll) => roll.id === id);
      if (token === undefined) {
        if (one !== undefined) await dropRolls(mongo, all, at.hour, [one.id]);
        return false;
      }
      const old = [...there, ...seen.rolls.map(({ id }) => id)].filter((id) => !isCounted(id));
      await dropRolls(mongo, all, at.hour, [...new Set(old)]);
      if (!rolls.some(isUnnoted)) await hours.tighten(seen._id, token);
      return true;
    },
  };
}

/** The smallest rolls, as many as are not too much. What is hidden stays apart from what is not. */
function smallIn({ rolls, hidden }: HourDocument): Roll[] {
  if (hidden.length > 0) return [];
  let rows = 0;
  return rolls
    .toSorted((a, b) => a.rows - b.rows)
    .filter((roll) => {
      rows += roll.rows;
      return rows <= MAX_ROWS;
    });
}

function cellsOf(minutes: ReadonlyMap<string, Cells>): Map<string, MinuteCell[]> {
  return new Map([...minutes].map(([flag, cells]) => [flag, cells.points()]));
}
