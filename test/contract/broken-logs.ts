import type { Change } from '../../src/core/change.ts';
import type { AppendResult, ChangeLog } from '../../src/ports/change-log.ts';
import type { SeededBug } from './contract.ts';

const EVERYTHING = 1_000;

/** Alters what `append` answers. */
function answering(log: ChangeLog, alter: (result: AppendResult, change: Change) => AppendResult): ChangeLog {
  return { ...log, append: async (change) => alter(await log.append(change), change) };
}

/** Alters what `append` is given; `head` is the project's at that moment. */
function appending(
  log: ChangeLog,
  alter: (change: Change, head: { revision: number; hash: string }) => Change,
) {
  const append = async (change: Change) =>
    log.append(alter(change, (await log.head(change.project)) ?? { revision: 0, hash: '' }));
  return { ...log, append };
}

/** Alters what `read` finds. */
function reading(log: ChangeLog, alter: (changes: readonly Change[]) => readonly Change[]): ChangeLog {
  return { ...log, read: async (project, after, limit) => alter(await log.read(project, after, limit)) };
}

/** Looks idempotency keys up by what `fold` makes of them. */
function folding(log: ChangeLog, fold: (key: string) => string): ChangeLog {
  const find = async (project: string, key: string) =>
    (await log.read(project, 0, EVERYTHING)).find((change) => fold(change.idempotencyKey) === fold(key));
  return {
    ...log,
    byIdempotencyKey: find,
    async append(change) {
      const earlier = await find(change.project, change.idempotencyKey);
      return earlier === undefined ? log.append(change) : { kind: 'already_done', change: earlier };
    },
  };
}

const KEYS_ON_APPEND = 'tells idempotency keys apart byte for byte and case-sensitively when it appends';
const KEYS_ON_LOOKUP = 'finds a change by its idempotency key, byte for byte and case-sensitively';

const appendBugs: readonly SeededBug<ChangeLog>[] = [
  {
    bug: 'refuses a change that fits',
    foundBy: 'answers appended for revision 1 of a new project and for each next one',
    wrap: (log) => ({
      ...log,
      append: async (change) => (change.revision === 3 ? { kind: 'slot_taken' } : log.append(change)),
    }),
  },
  {
    bug: 'acknowledges a change that it does not keep',
    foundBy: 'keeps what it acknowledged when it is opened again',
    wrap: (log) => ({
      ...log,
      append: async (change) => (change.revision === 5 ? { kind: 'appended' } : log.append(change)),
    }),
  },
  {
    bug: 'takes a taken slot again',
    foundBy: 'answers slot_taken, and changes nothing, for a revision that is taken',
    wrap: (log) => answering(log, (result) => (result.kind === 'slot_taken' ? { kind: 'appended' } : result)),
  },
  {
    bug: 'moves a change to the next free slot',
    foundBy: 'answers slot_taken, and changes nothing, for a revision that would leave a gap',
    wrap: (log) => appending(log, (change, head) => ({ ...change, revision: head.revision + 1 })),
  },
  {
    bug: 'ignores previousHash',
    foundBy: 'answers slot_taken, and changes nothing, unless previousHash is the hash of the head',
    wrap: (log) => appending(log, (change, head) => ({ ...change, previousHash: head.hash })),
  },
  {
    bug: 'answers already_done with what it was asked to append',
    foundBy:
      'answers already_done with the earlier change, and changes nothing, for an idempotency key it holds',
    wrap: (log) =>
      answering(log, (result, change) => (result.kind === 'already_done' ? { ...result, change } : result)),
  },
  {
    bug: 'looks at the slot before the idempotency key',
    foundBy: 'answers already_done before slot_taken',
    wrap: (log) => ({
      ...log,
      async append(change) {
        const head = await log.head(change.project);
        return change.revision === (head?.revision ?? 0) + 1 ? log.append(change) : { kind: 'slot_taken' };
      },
    }),
  },
  {
    bug: 'takes the holder of a slot for a rival of itself',
    foundBy: 'answers already_done for the very change that holds a slot, head or not',
    wrap: (log) =>
      answering(log, (result, change) =>
        result.kind === 'already_done' && result.change.hash === change.hash
          ? { kind: 'slot_taken' }
          : result,
      ),
  },
  {
    bug: 'folds the case of projects',
    foundBy: 'keeps the logs and idempotency keys of projects apart, byte for byte and case-sensitively',
    wrap: (log) => appending(log, (change) => ({ ...change, project: change.project.toLowerCase() })),
  },
  {
    bug: 'folds the case of idempotency keys when it appends',
    foundBy: KEYS_ON_APPEND,
    wrap: (log) => ({ ...log, append: folding(log, (key) => key.toLowerCase()).append }),
  },
  {
    bug: 'ignores spaces at the end of idempotency keys when it appends',
    foundBy: KEYS_ON_APPEND,
    wrap: (log) => ({ ...log, append: folding(log, (key) => key.trimEnd()).append }),
  },
  {
    bug: 'replaces lone surrogates',
    foundBy: 'refuses a project or an idempotency key with a lone surrogate, and finds none that is like it',
    wrap: (log) =>
      appending(log, (change) => ({
        ...change,
        project: change.project.toWellFormed(),
        idempotencyKey: change.idempotencyKey.toWellFormed(),
      })),
  },
  {
    bug: 'cuts what is too large',
    foundBy: 'holds a change of 20 MiB, or refuses it as exhausted, and takes the next one either way',
    wrap: (log) =>
      appending(log, (change) =>
        JSON.stringify(change).length > 16 * 2 ** 20 ? { ...change, operations: [] } : change,
      ),
  },
];

const raceBugs: readonly SeededBug<ChangeLog>[] = [
  {
    bug: 'gives the loser of a race the next slot',
    foundBy: 'lets exactly one of several concurrent appends to a slot succeed',
    wrap: (log) => ({
      ...log,
      async append(change) {
        const result = await log.append(change);
        const head = await log.head(change.project);
        if (result.kind !== 'slot_taken' || head === undefined) return result;
        return log.append({ ...change, revision: head.revision + 1, previousHash: head.hash });
      },
    }),
  },
  {
    bug: 'has a winner in each handle',
    foundBy:
      'lets exactly one of several concurrent appends to the first slot succeed, from any number of handles',
    wrap(log) {
      let won = false;
      return answering(log, (result) => {
        if (won) return result;
        won = true;
        return { kind: 'appended' };
      });
    },
  },
  {
    bug: 'answers appended whenever the change is there',
    foundBy:
      'answers appended once and already_done otherwise when one change is appended many times at once',
    wrap: (log) =>
      answering(log, (result) => (result.kind === 'already_done' ? { kind: 'appended' } : result)),
  },
  {
    bug: 'acknowledges what lost a race',
    foundBy: 'loses and doubles nothing when writers with handles of their own compete',
    wrap: (log) => answering(log, (result) => (result.kind === 'slot_taken' ? { kind: 'appended' } : result)),
  },
  {
    bug: 'remembers the head of a project for good',
    foundBy: 'shows a change to every handle once it is acknowledged',
    wrap(log) {
      const remembered = new Map<string, ReturnType<ChangeLog['head']>>();
      const remember = (project: string) => {
        const head = log.head(project);
        remembered.set(project, head);
        return head;
      };
      return { ...log, head: (project) => remembered.get(project) ?? remember(project) };
    },
  },
  {
    bug: 'reads past a change that was just committed',
    foundBy: 'reads in order and without gaps while others append',
    wrap: (log) =>
      reading(log, (changes) =>
        changes.filter(({ revision }) => revision !== 20 || (changes.at(-1)?.revision ?? 0) > 24),
      ),
  },
];

const readBugs: readonly SeededBug<ChangeLog>[] = [
  {
    bug: 'has a head for a project without a log',
    foundBy: 'returns undefined, nothing or 0 for a project without a log',
    wrap: (log) => ({
      ...log,
      head: async (project) => (await log.head(project)) ?? { project, revision: 0, hash: '' },
    }),
  },
  {
    bug: 'orders heads by UTF-16 units',
    foundBy: 'returns the head of every project that has a log, in code point order',
    wrap: (log) => ({
      ...log,
      heads: async () => (await log.heads()).toSorted((a, b) => (a.project < b.project ? -1 : 1)),
    }),
  },
  {
    bug: 'reads from after on, inclusive',
    foundBy: 'reads the changes with after < revision, in order, at most limit of them',
    wrap: (log) => ({
      ...log,
      read: (project, after, limit) => log.read(project, Math.max(0, after - 1), limit),
    }),
  },
  {
    bug: 'reads nothing when one change is left',
    foundBy: 'reads an empty list exactly when there is no later change',
    wrap: (log) => reading(log, (changes) => (changes.length === 1 ? [] : changes)),
  },
  {
    bug: 'skips one change between pages',
    foundBy: 'reads the same changes whatever the limit, forwards and backwards',
    wrap: (log) => ({
      ...log,
      read: (project, after, limit) => log.read(project, after && after + 1, limit),
    }),
  },
  {
    bug: 'ignores the limit',
    foundBy: 'reads the same changes whatever the limit, forwards and backwards',
    wrap: (log) => ({ ...log, read: (project, after) => log.read(project, after, EVERYTHING) }),
  },
  {
    bug: 'reads back oldest first',
    foundBy: 'reads back the changes with revision < before, newest first, at most limit of them',
    wrap: (log) => ({
      ...log,
      readBack: async (project, before, limit) => (await log.readBack(project, before, limit)).toReversed(),
    }),
  },
  {
    bug: 'normalises text',
    foundBy: 'returns what was appended, to the last code point',
    wrap: (log) =>
      reading(log, (changes) => changes.map((change) => JSON.parse(JSON.stringify(change).normalize('NFC')))),
  },
  {
    bug: 'sets the prototype of an object from its data',
    foundBy: 'returns what was appended, to the last code point',
    wrap: (log) =>
      reading(log, (changes) =>
        changes.map((change) =>
          JSON.parse(JSON.stringify(change), (name, value) => (name === '__proto__' ? undefined : value)),
        ),
      ),
  },
  {
    bug: 'loses the operations of a large change',
    foundBy: 'holds changes of a mebibyte, and reads several of them',
    wrap: (log) =>
      reading(log, (changes) =>
        changes.map((change) =>
          JSON.stringify(change).length > 500_000 ? { ...change, operations: [] } : change,
        ),
      ),
  },
  {
    bug: 'folds the case of idempotency keys when it looks one up',
    foundBy: KEYS_ON_LOOKUP,
    wrap: (log) => ({ ...log, byIdempotencyKey: folding(log, (key) => key.toLowerCase()).byIdempotencyKey }),
  },
  {
    bug: 'normalises idempotency keys when it looks one up',
    foundBy: KEYS_ON_LOOKUP,
    wrap: (log) => ({
      ...log,
      byIdempotencyKey: folding(log, (key) => key.normalize('NFKC')).byIdempotencyKey,
    }),
  },
  {
    bug: 'looks for times before the one that was asked for',
    foundBy: 'answers the highest revision whose time is not after a time, 0 if there is none',
    wrap: (log) => ({
      ...log,
      revisionAt: (project, time) => log.revisionAt(project, new Date(Date.parse(time) - 1).toISOString()),
    }),
  },
  {
    bug: 'finds no head once it is disposed',
    foundBy: 'rejects every operation with unavailable once it is disposed',
    wrap: (log) => ({ ...log, head: (project) => log.head(project).catch(() => undefined) }),
  },
  {
    bug: 'forgets idempotency keys after ten changes',
    foundBy: 'does as a list in memory does, whatever is asked of it',
    wrap: (log) => ({
      ...log,
      byIdempotencyKey: async (project, key) =>
        (await log.readBack(project, EVERYTHING, 10)).find((change) => change.idempotencyKey === key),
    }),
  },
];

/** Each with one mistake. */
export const brokenLogs: readonly SeededBug<ChangeLog>[] = [...appendBugs, ...raceBugs, ...readBugs];
