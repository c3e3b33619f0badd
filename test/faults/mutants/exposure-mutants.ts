import type { Mutant } from './mutants.ts';

/** Bugs on the way from an evaluation to the tables: see `mutants.ts`. */
export const EXPOSURE_MUTANTS: Readonly<Record<string, Mutant>> = {
  M8: {
    bug: 'a batch that comes again is added to the sums again',
    breaks: 'I13',
    mutations: [
      {
        file: 'adapters/sqlite/exposure-batches.ts',
        find: "if (known !== undefined) return known === batch.digest ? 'already' : 'conflict';",
        replace: `if (known !== undefined) {
          const place = names.place(batch.place);
          sums.add(batch.evaluations.map((each) => [each, names.answer(place, each)]));
          return known === batch.digest ? 'already' : 'conflict';
        }`,
      },
    ],
  },
  M10: {
    bug: 'a batch has another name when it is published again',
    breaks: 'I13',
    mutations: [
      {
        file: 'app/exposures/publisher.ts',
        find: 'await this.#parts.queue.publish({ id, bytes });',
        replace: 'await this.#parts.queue.publish({ id: this.retries > 0 ? id + this.retries : id, bytes });',
      },
    ],
  },
  M19: {
    bug: 'a batch counts as dealt with before it is stored',
    breaks: 'I13',
    mutations: [
      {
        file: 'app/exposures/writer.ts',
        find: 'await nextTurn(); try {',
        replace: 'await nextTurn(); await delivery.done().catch(() => undefined); try {',
      },
    ],
  },
  M20: {
    bug: 'a batch becomes a dead letter because the store is away',
    breaks: 'I13',
    mutations: [
      {
        file: 'app/exposures/write-failures.ts',
        find: 'return error instanceof FlagError && PASSING.includes(error.kind);',
        replace: 'return error === PASSING;',
      },
    ],
  },
  M21: {
    bug: 'a batch of which nobody knows whether it was taken is not published again',
    breaks: 'I13',
    mutations: [{ file: 'app/exposures/publisher.ts', find: 'this.#waiting.unshift(parcel);', replace: '' }],
  },
  M22: {
    bug: 'what was given up is not declared',
    breaks: 'I13',
    mutations: [
      {
        file: 'app/exposures/shipping.ts',
        find: 'this.losses.add(reason, units);',
        replace: '',
      },
    ],
  },
};
