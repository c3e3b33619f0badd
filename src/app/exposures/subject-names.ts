import { hash } from 'node:crypto';
import type { RecordedPlace } from '../../ports/exposure-store.ts';
import { Generations } from './generations.ts';

const BLOCK_BYTES = 64;
const NAME_BYTES = 16;
const INNER = 0x36;
const OUTER = 0x5c;

/** Only names of a usual length are remembered, so that the memory for them is bounded. */
const LONGEST_KNOWN = 128;
const KNOWN_NAMES = 5_000;

/**
 * What the subjects of one environment are called where targeting keys are not to be kept: HMAC-SHA-256, cut to 128 bits,
 * with a key that is made of the pepper and the environment's name. The same on every replica, for ever.
 */
export class SubjectNames {
  readonly #inner: Buffer;
  readonly #outer: Buffer;
  readonly #known = new Generations<string, string>(KNOWN_NAMES);

  constructor(pepper: string, { project, environment }: RecordedPlace) {
    const key = hash('sha256', `vexil subjects\n${project}/${environment}\n${pepper}`, 'buffer');
    this.#inner = padded(key, INNER);
    this.#outer = padded(key, OUTER);
  }

  /** 32 hexadecimal digits. Nobody stays nobody. */
  of(targetingKey: string): string {
    if (targetingKey === '') return '';
    const known = this.#known.get(targetingKey);
    if (known !== undefined) return known;
    const name = this.#hashed(targetingKey);
    if (targetingKey.length <= LONGEST_KNOWN) this.#known.set(targetingKey, name);
    return name;
  }

  // By hand, for node's Hmac objects take several times as long as the hash.
  #hashed(targetingKey: string): string {
    const inner = hash('sha256', Buffer.concat([this.#inner, Buffer.from(targetingKey)]), 'buffer');
    return hash('sha256', Buffer.concat([this.#outer, inner]), 'hex').slice(0, 2 * NAME_BYTES);
  }
}

function padded(key: Buffer, pad: number): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES, pad);
  for (const [index, byte] of key.entries()) block[index] = byte ^ pad;
  return block;
}
