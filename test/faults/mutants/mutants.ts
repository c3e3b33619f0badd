import type { Invariant } from '../checks/check.ts';
import type { Mutation } from './plant.ts';

/** A bug that this service could have, and the invariant that it breaks. */
export interface Mutant {
  readonly bug: string;
  readonly breaks: Invariant;
  readonly mutations: readonly Mutation[];
}

/** By the names that FAULTS_MUTANT may have: see `plant-named.ts`. */
export const MUTANTS: Readonly<Record<string, Mutant>> = {
  M1: {
    bug: 'a notice is applied without a look at the hash that it follows on',
    breaks: 'I6',
    mutations: [
      {
        file: 'app/live-project.ts',
        find: 'if (change.revision !== revision + 1 || change.previousHash !== hash) return false;',
        replace: 'if (change.revision !== revision + 1) return false;',
      },
    ],
  },
  M2: {
    bug: 'a slot that somebody else took counts as won',
    breaks: 'I2',
    mutations: [{ file: 'app/writer.ts', find: "if (result.kind === 'slot_taken') continue;", replace: '' }],
  },
  M3: {
    bug: 'an append of which nobody knows the outcome is done again, in the next slot',
    breaks: 'I2',
    mutations: [
      {
        file: 'app/writer.ts',
        find: 'const result = await this.#log.append(change);',
        replace: `const result = await this.#log.append(change).catch(() => ({ kind: 'slot_taken' }));`,
      },
      {
        file: 'app/writer.ts',
        find: 'idempotencyKey: intent.idempotencyKey ?? randomUUID(),',
        replace: "idempotencyKey: [intent.idempotencyKey ?? randomUUID(), state.revision].join(':'),",
      },
    ],
  },
  M4: {
    bug: 'the log is looked at only when a notice says so',
    breaks: 'I9',
    mutations: [
      {
        file: 'app/polling.ts',
        find: 'this.#poll = clock.after(',
        replace: 'if (bus.connected() && this.#reachedAt > 0) return; this.#poll = clock.after(',
      },
    ],
  },
  M5: {
    bug: 'a watch goes on one revision too late',
    breaks: 'I6',
    mutations: [
      {
        file: 'app/watch-stream.ts',
        find: 'await this.#touched(point.revision, snapshot.revision)',
        replace: 'await this.#touched(point.revision + 1, snapshot.revision)',
      },
    ],
  },
  M6: {
    bug: 'a change of several flags is told in pieces',
    breaks: 'I6',
    mutations: [
      {
        file: 'app/watch-stream.ts',
        find: 'const content = this.#view.step(snapshot, ms, touched); this.#moveTo(moment); if (isEmpty',
        replace: `const whole = this.#view.step(snapshot, ms, touched);
          this.#moveTo(moment);
          const content = { ...whole, flags: whole.flags.slice(0, 1) };
          if (whole.flags.length > 1) {
            const to = snapshot.revision;
            const rest = { kind: 'delta', from: to, to, cause: 'schedule', token: this.#token(this.#seen) };
            const flags = whole.flags.slice(1);
            const none = { segments: [], releases: [], decisions: [], deletedFlags: [], deletedSegments: [], deletedReleases: [] };
            this.#rest = (function* () { yield { ...rest, content: { ...none, flags } }; })();
          }
          if (isEmpty`,
      },
    ],
  },
  M7: {
    bug: 'a bookmark names the head, whatever was delivered',
    breaks: 'I8',
    mutations: [
      {
        file: 'app/watch-stream.ts',
        find: 'this.#rest = undefined; const moment = this.#now();',
        replace: `this.#rest = undefined;
          const moment = this.#now();
          if (moment.ms >= this.#saidAt + this.#parts.options.heartbeatMs) return this.#bookmark(moment.ms);`,
      },
      {
        file: 'app/watch-stream.ts',
        find: 'revision: this.#seen.revision, headHash: this.#seen.hash, stalenessMs',
        replace: 'revision: this.#now().snapshot.revision, headHash: this.#now().hash, stalenessMs',
      },
    ],
  },
  M9: {
    bug: 'a change is acknowledged before it is in the log',
    breaks: 'I2',
    mutations: [
      {
        file: 'app/writer.ts',
        find: 'const result = await this.#log.append(change);',
        replace: `this.#log.append(change).catch(() => undefined);
          const result = { kind: 'appended' };`,
      },
    ],
  },
  M11: {
    bug: 'staleness counts from the end of a comparison with the log',
    breaks: 'I10',
    mutations: [
      {
        file: 'app/live-project.ts',
        find: 'if (this.#trouble === undefined) this.#verifiedAt = startedAt;',
        replace: 'if (this.#trouble === undefined) this.#verifiedAt = this.#parts.clock.monotonic();',
      },
    ],
  },
  M12: {
    bug: 'watchers are not told of flags that are gone',
    breaks: 'I6',
    mutations: [
      {
        file: 'app/watch-definitions.ts',
        find: 'if (value === undefined) deleted.push(key);',
        replace: 'if (value === undefined) continue;',
      },
    ],
  },
};
