import { createHash } from 'node:crypto';
import type { ObjectSeen } from './history.ts';

/** A set of objects that can be compared in one step, however it came about: the order does not matter. */
export class ObjectSet {
  readonly #objects = new Map<string, ObjectSeen>();
  #digest = 0n;

  /** The same for sets of the same objects. */
  get digest(): bigint {
    return this.#digest;
  }

  get size(): number {
    return this.#objects.size;
  }

  put(object: ObjectSeen): void {
    this.delete(object.id);
    this.#objects.set(object.id, object);
    this.#digest ^= digestOf(object);
  }

  delete(id: string): void {
    const before = this.#objects.get(id);
    if (before === undefined) return;
    this.#objects.delete(id);
    this.#digest ^= digestOf(before);
  }

  values(): Iterable<ObjectSeen> {
    return this.#objects.values();
  }

  /** What the end of a snapshot says of such a set. */
  stateHash(): string {
    const lines = [...this.#objects.values()].map((object) => Buffer.from(`${lineOf(object)}\n`));
    return createHash('sha256')
      .update(Buffer.concat(lines.sort(Buffer.compare)))
      .digest('hex');
  }

  /** In words, what is different from `expected`. */
  differences(expected: ObjectSet): string {
    const ids = new Set([...this.#objects.keys(), ...expected.#objects.keys()]);
    const different = [...ids].flatMap((id) => {
      const [mine, theirs] = [this.#objects.get(id), expected.#objects.get(id)];
      if (mine?.version === theirs?.version && mine?.witness === theirs?.witness) return [];
      return [`${id}: ${wordsFor(mine)} instead of ${wordsFor(theirs)}`];
    });
    return different.slice(0, 5).join('; ');
  }
}

/** `flag checkout 7`; a decision also says which variation. */
function lineOf({ id, version, witness }: ObjectSeen): string {
  return id.startsWith('decision ') ? `${id} ${version} ${JSON.parse(witness)[0]}` : `${id} ${version}`;
}

function wordsFor(object: ObjectSeen | undefined): string {
  return object === undefined ? 'nothing' : `version ${object.version} ${object.witness}`;
}

const digests = new WeakMap<ObjectSeen, bigint>();

function digestOf(object: ObjectSeen): bigint {
  let digest = digests.get(object);
  if (digest === undefined) {
    const text = `${object.id}\n${object.version}\n${object.witness}`;
    digest = createHash('sha256').update(text).digest().readBigUInt64BE();
    digests.set(object, digest);
  }
  return digest;
}
