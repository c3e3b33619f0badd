import { FlagError } from '../../core/errors.ts';
import { checkBatch } from '../../ports/batch-check.ts';
import type { ExposureStore, RecordedBatch, Stored } from '../../ports/exposure-store.ts';
import { exposureCollections, makeExposureIndexes } from './exposure-collections.ts';
import { partOf } from './exposure-content.ts';
import { NAMES_MS, type PartDocument } from './exposure-documents.ts';
import { openChanges, openErasing } from './exposure-erase.ts';
import { openErasures } from './exposure-erasures.ts';
import { openExpiry } from './exposure-expiry.ts';
import { acknowledged, openHours, type Report } from './exposure-hours.ts';
import { openLedger } from './exposure-ledger.ts';
import { openNotes } from './exposure-notes.ts';
import { openOutcomes } from './exposure-outcomes.ts';
import { openPages } from './exposure-pages.ts';
import { openProcesses } from './exposure-processes.ts';
import { openRoller } from './exposure-roll.ts';
import { openRowPages } from './exposure-row-pages.ts';
import { openSeries } from './exposure-series.ts';
import { openSubjects } from './exposure-subjects.ts';
import { openTidier } from './exposure-tidy.ts';
import { openUpkeep, type UpkeepOptions } from './exposure-upkeep.ts';
import { openViews } from './exposure-view.ts';
import { elsewhere, isDuplicate, storeClosed } from './mongo-errors.ts';
import type { Mongo } from './open-mongo.ts';

/** A document may have 16 MiB. */
const MAX_PACKED_BYTES = 12 * 2 ** 20;
const MOST_SAID = 1_000;

export interface ExposureStoreOptions extends Partial<UpkeepOptions> {
  /** Hears of documents that nobody can read: they are left out. */
  readonly report?: Report;
}

/**
 * What was recorded, in collections whose names begin with `exposure_`. There are no transactions: a batch is committed by
 * one insert, as a part; parts are put into their hour, many at a time, as a roll, which one replacement of the hour's
 * document makes count in their place. Whoever opened `mongo` disposes of it, after this.
 */
export function createMongoExposureStore(mongo: Mongo, options: ExposureStoreOptions = {}): ExposureStore {
  const report = onceEach(options.report ?? (() => {}));
  const all = exposureCollections(mongo);
  const hours = openHours(mongo, all, report);
  const erasures = openErasures(mongo, all);
  const views = openViews(mongo, all, hours, erasures, report);
  const pages = openPages(mongo, all, report);
  const subjects = openSubjects(mongo, all);
  const processes = openProcesses(mongo, all, report);
  const fold = (names: ReadonlySet<string>) => processes.fold(names);
  const roller = openRoller({ mongo, all, hours, views, fold });
  const notes = openNotes(mongo, all, { hours, pages, subjects });
  const tidier = openTidier(mongo, all, hours, roller);
  const ledger = openLedger(mongo, all, processes);
  const changes = openChanges(mongo, all);
  const upkeep = openUpkeep(roller, tidier, options);
  let indexing: Promise<void> | undefined;
  let isOpen = true;

  async function ready(): Promise<void> {
    if (!isOpen) throw storeClosed();
    indexing ??= makeExposureIndexes(mongo, all);
    try {
      await indexing;
    } catch (error) {
      indexing = undefined;
      throw error;
    }
  }

  /** The same function, which waits for the indexes and for nothing once this is closed. */
  function whenReady<A extends unknown[], R>(work: (...args: A) => Promise<R>): (...args: A) => Promise<R> {
    return async (...args) => {
      await ready();
      return await work(...args);
    };
  }

  /** The insert is the commit: all else can be made from it by anybody. */
  async function insert(part: PartDocument): Promise<Stored> {
    try {
      await mongo.run(() => all.parts.insertOne(part));
      return 'stored';
    } catch (error) {
      if (!isDuplicate(error)) throw error;
    }
    const other = await known(part);
    if (other === undefined) throw elsewhere();
    return other;
  }

  /** Undefined if no batch of this name is stored. */
  async function known(part: PartDocument): Promise<Stored | undefined> {
    const found = await mongo.run((reading) =>
      all.parts.findOne({ _id: part._id }, { ...acknowledged(reading), projection: { digest: 1 } }),
    );
    if (found !== null) return found.digest === part.digest ? 'already' : 'conflict';
    return (await processes.has(part.process, part.sequence)) ? 'already' : undefined;
  }

  async function store(batch: RecordedBatch): Promise<Stored> {
    checkBatch(batch);
    const part = await partOf(batch);
    if ((part.content?.length() ?? 0) > MAX_PACKED_BYTES)
      throw new FlagError('invalid', 'the batch is too large to be stored', { reason: 'BATCH' });
    // Its name may have been forgotten only if it is that old.
    const isOld = part.lastAt < Date.now() - NAMES_MS / 2;
    const stored = (isOld ? await known(part) : undefined) ?? (await insert(part));
    if (stored === 'stored') await upkeep.noteStored(batch);
    return stored;
  }

  /** Readers of what is noted of subjects. */
  const settled =
    <A extends [Parameters<typeof roller.settle>[0], ...unknown[]], R>(work: (...args: A) => Promise<R>) =>
    async (...args: A) => {
      await roller.settle(args[0]);
      await notes.noteAll(args[0]);
      return await work(...args);
    };

  const { bury, deadLetters, letterLabels, exhume, close, ledger: entries } = ledger;
  const { series, activity } = openSeries(mongo, all, views, pages);
  const { outcomes } = openOutcomes(views, pages);
  const { rows } = openRowPages(mongo, all, views, pages);
  const { erase } = openErasing(mongo, all, { hours, roller, notes, tidier, changes, erasures });
  const { expire } = openExpiry({ mongo, all, hours, roller, notes, tidier, processes, ledger, changes });
  return {
    store: whenReady(store),
    bury: whenReady(bury),
    deadLetters: whenReady(deadLetters),
    letterLabels: whenReady(letterLabels),
    exhume: whenReady(exhume),
    close: whenReady(close),
    ledger: whenReady(entries),
    series: whenReady(series),
    activity: whenReady(activity),
    outcomes: whenReady(outcomes),
    contexts: whenReady(settled(subjects.sample)),
    lastVariations: whenReady(settled(subjects.lastVariations)),
    rows: whenReady(rows),
    erase: whenReady(erase),
    expire: whenReady(expire),
    async [Symbol.asyncDispose]() {
      isOpen = false;
      await upkeep[Symbol.asyncDispose]();
    },
  };
}

/** Says of each document once that it cannot be read, though it is met again and again. */
function onceEach(report: Report): Report {
  const said = new Set<unknown>();
  return (problem, details) => {
    if (said.has(details.id)) return;
    if (said.size === MOST_SAID) said.clear();
    said.add(details.id);
    report(problem, details);
  };
}
