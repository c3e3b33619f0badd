import { createHash } from 'node:crypto';
import type { KnownFlag, Told } from './told.ts';

/** Where a watcher has got to, and with what. Two that know the same say the same. */
export interface Standing {
  readonly revision: number;
  /** As the service works it out: of keys and versions. */
  readonly stateHash: string;
  /** Of whole definitions. */
  readonly contentHash: string;
}

/** What one watcher knows. */
export class WatchedState {
  readonly #flags = new Map<string, KnownFlag>();
  #revision: number | undefined;

  /** Undefined before the first snapshot has ended. */
  get revision(): number | undefined {
    return this.#revision;
  }

  /** Throws if the service left something out, or says that something else is known than what it told. */
  take(told: Told): void {
    switch (told.kind) {
      case 'hello':
        return;
      case 'part':
        this.#set(told.flags);
        return;
      case 'end':
        this.#revision = told.revision;
        if (told.stateHash !== this.standing().stateHash) throw new Error('a snapshot is not what it says');
        return;
      case 'delta':
        if (told.from !== this.#revision)
          throw new Error(`a watcher at revision ${this.#revision} was told what is new since ${told.from}`);
        this.#set(told.flags);
        for (const key of told.deleted) this.#flags.delete(key);
        this.#revision = told.to;
        return;
      case 'bookmark':
        this.#revision = told.revision;
    }
  }

  standing(): Standing {
    const flags = [...this.#flags.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
    const hashOf = (line: (flag: KnownFlag) => string) =>
      createHash('sha256').update(flags.map(line).join('')).digest('hex');
    return {
      revision: this.#revision ?? 0,
      stateHash: hashOf(({ key, version }) => `flag ${key} ${version}\n`),
      contentHash: hashOf(({ key, digest }) => `${key} ${digest}\n`),
    };
  }

  #set(flags: readonly KnownFlag[]): void {
    for (const flag of flags) this.#flags.set(flag.key, flag);
  }
}
