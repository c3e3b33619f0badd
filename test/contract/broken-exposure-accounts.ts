import type { ExposureStore, LedgerEntry, RecordedBatch } from '../../src/ports/exposure-store.ts';
import type { SeededBug } from './contract.ts';

/** Alters what the ledger says. */
function saying(store: ExposureStore, alter: (entry: LedgerEntry) => LedgerEntry): ExposureStore {
  return { ...store, ledger: async (limit) => (await store.ledger(limit)).map(alter) };
}

/** Forgets which batches losses were in. */
function withoutSequences(store: ExposureStore): ExposureStore {
  const losses = (batch: RecordedBatch) => batch.losses.map(({ reason, units }) => ({ reason, units }));
  return { ...store, store: (batch) => store.store({ ...batch, losses: losses(batch) }) };
}

export const brokenAccounts: readonly SeededBug<ExposureStore>[] = [
  {
    bug: 'takes what it has for what was accepted',
    foundBy:
      'knows of each process what it accepted at most, what is stored, what was lost for which reason, and when',
    wrap: (store) =>
      saying(store, (entry) => ({
        ...entry,
        accepted: entry.stored + [...entry.lost.values()].reduce((sum, units) => sum + units, 0),
      })),
  },
  {
    bug: 'forgets the sequences that are missing',
    foundBy: 'names the sequences that are missing, until they are there',
    wrap: (store) => saying(store, (entry) => ({ ...entry, missing: [] })),
  },
  {
    bug: 'takes what was once declared for lost',
    foundBy: 'counts what was declared of a batch until it arrives after all, and no longer',
    wrap: withoutSequences,
  },
  {
    bug: 'adds up what is declared again',
    foundBy: 'counts what is declared of a batch again once for each reason',
    wrap: withoutSequences,
  },
  {
    bug: 'decides once and for all what was killed',
    foundBy: 'counts as killed what a process that ended had accepted and is nowhere, for as long as it is',
    wrap(store) {
      const killed = new Map<string, number>();
      return {
        ...saying(store, (entry) => {
          const first = killed.get(entry.process) ?? entry.lost.get('killed') ?? 0;
          killed.set(entry.process, first);
          return { ...entry, lost: new Map([...entry.lost, ['killed', first]]) };
        }),
      };
    },
  },
  {
    bug: 'knows the end only of processes that it knows',
    foundBy: 'remembers a process of which only its end is known',
    wrap: (store) => ({
      ...store,
      async close(process, accepted, at) {
        const known = await store.ledger(100);
        if (known.some((entry) => entry.process === process)) await store.close(process, accepted, at);
      },
    }),
  },
  {
    bug: 'keeps the last letter of each id',
    foundBy: 'keeps letters until they are removed, one of each id, and lists them in code point order',
    wrap: (store) => ({
      ...store,
      async bury(letter) {
        await store.exhume(letter.id);
        await store.bury(letter);
      },
    }),
  },
  {
    bug: 'forgets that a letter was buried again',
    foundBy: 'keeps the first bytes of a letter, and what was said of it last',
    wrap: (store) => ({
      ...store,
      async bury(letter) {
        const known = await store.deadLetters(1_000);
        if (!known.some(({ id }) => id === letter.id)) await store.bury(letter);
      },
    }),
  },
  {
    bug: 'removes a letter whatever happened to it since',
    foundBy: 'removes a letter that was buried at that time, and none that was buried again',
    wrap: (store) => ({ ...store, exhume: (id) => store.exhume(id) }),
  },
  {
    bug: 'lists letters by UTF-16 units',
    foundBy: 'keeps letters until they are removed, one of each id, and lists them in code point order',
    wrap: (store) => ({
      ...store,
      deadLetters: async (limit, after) =>
        (await store.deadLetters(limit, after)).toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    }),
  },
  {
    bug: 'counts what is in a letter although it is stored',
    foundBy: 'has a letter in the ledger of the process that its id names, unless its sequence is stored',
    wrap: (store) => ({
      ...store,
      async ledger(limit) {
        const letters = await store.deadLetters(1_000);
        const unitsOf = (process: string) =>
          letters.reduce((sum, { id, units = 0 }) => sum + (id.startsWith(`${process}:`) ? units : 0), 0);
        return (await store.ledger(limit)).map((entry) => ({
          ...entry,
          deadLettered: unitsOf(entry.process),
        }));
      },
    }),
  },
  {
    bug: 'lists processes by name',
    foundBy: 'lists processes with the newest first, then in code point order, up to the limit',
    wrap: (store) => ({
      ...store,
      ledger: async (limit) =>
        (await store.ledger(1_000)).toSorted((a, b) => (a.process < b.process ? -1 : 1)).slice(0, limit),
    }),
  },
];
