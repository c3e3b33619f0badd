import { describe, expect, it } from 'vitest';
import { headerBlock as answerBlock, trailerBlock } from '../../src/http2/header-block.ts';
import type { Stream, StreamOwner } from '../../src/http2/stream.ts';
import { createRandom, type Random } from '../attacks/random.ts';
import {
  frame,
  GOAWAY,
  grpcFields,
  headerBlock,
  settingsFrame,
  takeFrames,
  uint32,
} from '../attacks/raw-http2.ts';
import { type Dialogue, dialogue, PREFACE } from './fake-socket.ts';

const RUNS = Number(process.env.VEXIL_FUZZ_CONNECTIONS ?? 400);
const FRAMES = 200;
const OK = answerBlock(200, [['content-type', 'application/grpc']]);
const TRAILERS = trailerBlock([['grpc-status', '0']]);
const CODES = new Set([0, 1, 3, 5, 6, 7, 8, 9, 11]);

/** An owner that does anything at any time, and complains when it is told what it must not be. */
class Capricious implements StreamOwner {
  readonly #random: Random;
  readonly #stream: Stream;
  readonly wrongs: string[] = [];
  #isOver = false;
  #hasEnded = false;
  #isPaused = false;
  #waits = false;

  constructor(stream: Stream, random: Random) {
    this.#stream = stream;
    this.#random = random;
    stream.own(this);
  }

  data(bytes: Uint8Array): void {
    if (this.#isOver || this.#hasEnded || this.#isPaused || bytes.length === 0) this.wrongs.push('data');
    this.act();
  }

  end(): void {
    if (this.#isOver || this.#hasEnded || this.#isPaused) this.wrongs.push('end');
    this.#hasEnded = true;
    this.act();
  }

  drained(): void {
    if (this.#isOver || !this.#waits) this.wrongs.push('drained');
    this.#waits = false;
  }

  reset(): void {
    if (this.#isOver) this.wrongs.push('reset');
    this.#isOver = true;
  }

  act(): void {
    switch (this.#random.whole(8)) {
      case 0:
        this.#stream.respond(OK);
        break;
      case 1:
      case 2:
        if (!this.#stream.write(Buffer.alloc(this.#random.whole(40_000)))) this.#waits = true;
        break;
      case 3:
        this.#isOver = true;
        this.#stream.end(
          Buffer.alloc(this.#random.whole(3_000)),
          this.#random.whole(2) === 0 ? TRAILERS : undefined,
        );
        break;
      case 4:
        this.#isPaused = true;
        this.#stream.pause();
        break;
      case 5:
        this.#isPaused = false;
        this.#stream.resume();
        break;
      case 6:
        if (this.#random.whole(4) > 0) break;
        this.#isOver = true;
        this.#stream.reset(8);
        break;
    }
  }
}

/** What a client may say, about streams up to `last`, and now and then what it may not. */
function randomFrame(random: Random, last: number): Buffer {
  if (random.oneIn(60)) return wrongFrame(random);
  const stream = Math.max(1, last - 2 * random.whole(6));
  switch (random.whole(8)) {
    case 0:
    case 1:
      return frame(1, random.whole(2) | 4, last + 2, headerBlock(randomFields(random)));
    case 2:
    case 3:
      return frame(
        0,
        random.oneIn(4) ? 1 : 0,
        stream,
        Buffer.alloc(random.whole(random.oneIn(4) ? 16_000 : 40)),
      );
    case 4:
      return frame(8, 0, random.oneIn(3) ? 0 : stream, uint32(1 + random.whole(100_000)));
    case 5:
      return settingsFrame([[random.pick([1, 3, 4, 6]), random.whole(100_000)]]);
    case 6:
      return frame(6, random.whole(2), 0, random.bytes(8));
    default:
      return frame(3, 0, stream, uint32(random.whole(14)));
  }
}

function wrongFrame(random: Random): Buffer {
  const stream = random.whole(20);
  const bytes = random.bytes(random.whole(60));
  switch (random.whole(4)) {
    case 0:
      return frame(1, random.whole(64), stream, bytes);
    case 1:
      return frame(0, random.whole(16), stream, bytes);
    case 2:
      return frame(9, random.whole(8), stream, bytes);
    default:
      return frame(random.whole(256), random.whole(256), stream, bytes);
  }
}

function randomFields(random: Random): [string, string][] {
  const fields: [string, string][] = grpcFields('/call', 'token');
  if (random.whole(4) > 0) return fields;
  const odd: [string, string][] = [
    [':path', '/'],
    ['content-length', String(random.whole(100))],
    ['X', ''],
    ['connection', 'close'],
    ['a', 'b'],
  ];
  return [...fields.slice(0, random.whole(8)), random.pick(odd)];
}

/** Everything that was said so far, checked for what must hold whatever the peer does. */
function check(said: Buffer, talk: Dialogue, owners: readonly Capricious[]): void {
  expect(owners.flatMap(({ wrongs }) => wrongs)).toEqual([]);
  const frames: Parameters<typeof takeFrames>[1] = [];
  expect(takeFrames(said, frames)).toHaveLength(0);
  const ended = new Set<number>();
  for (const { type, flags, stream } of frames) {
    // Nothing comes behind the end of an answer.
    if (type < 2) expect(ended).not.toContain(stream);
    if (type === 3 || (type < 2 && (flags & 1) !== 0)) ended.add(stream);
  }
  for (const { type, payload } of frames)
    if (type === 3 || type === GOAWAY) expect(CODES).toContain(payload.readUInt32BE(type === 3 ? 0 : 4));
  const goaways = frames.filter(({ type }) => type === GOAWAY);
  // Nothing ends without a word, and nothing that is wrong with it is ours.
  if (!talk.socket.writable) expect(goaways.length).toBeGreaterThan(0);
  for (const error of talk.errors) expect(error).toHaveProperty('code');
}

/** Returns how many frames it took. */
async function converse(random: Random, damage: boolean): Promise<number> {
  const owners: Capricious[] = [];
  const talk = dialogue({ onStream: (stream) => void owners.push(new Capricious(stream, random)) }, []);
  const said: Buffer[] = [];
  const settings = settingsFrame([]);
  let last = -1;
  let count = 0;
  for (; count < FRAMES && talk.socket.writable; count++) {
    const bytes = count === 0 ? settings : randomFrame(random, last);
    if (bytes[3] === 1) last = Math.max(last, bytes.readUInt32BE(5));
    if (damage && random.whole(50) === 0) bytes[random.whole(bytes.length)] = random.whole(256);
    talk.say(bytes);
    if (random.whole(4) === 0) owners[random.whole(owners.length)]?.act();
    if (random.whole(10) === 0) talk.connection.look();
    if (random.whole(10) === 0) talk.now += random.whole(2_000);
    if (random.whole(20) === 0) talk.socket.writableLength = talk.socket.writableLength === 0 ? 1 : 0;
    if (talk.socket.writableLength === 0) talk.connection.drained();
    await Promise.resolve();
    said.push(...talk.socket.writes.splice(0));
  }
  if (random.whole(2) === 0) talk.connection.drain();
  talk.connection.closed();
  said.push(...talk.socket.writes.splice(0));
  check(Buffer.concat(said), talk, owners);
  return count;
}

describe('a connection', () => {
  it.each([1, 2, 3, 4])('stands any frames in any order: seed %i', async (seed) => {
    const random = createRandom(seed);
    let frames = 0;
    for (let run = 0; run < RUNS; run++) frames += await converse(random, false);
    // They are so nearly right that most conversations go on for long.
    expect(frames / RUNS).toBeGreaterThan(20);
  });

  it.each([5, 6])('stands damage to its bytes: seed %i', async (seed) => {
    const random = createRandom(seed);
    for (let run = 0; run < RUNS; run++) await converse(random, true);
  });

  it('stands noise behind the preface', async () => {
    const random = createRandom(7);
    for (let run = 0; run < RUNS; run++) {
      const talk = dialogue({}, [random.bytes(100)]);
      talk.say(random.bytes(1_000));
      const [, , ...rest] = await talk.heard();
      if (!talk.socket.writable) expect(rest.at(-1)?.type).toBe(GOAWAY);
    }
    expect(PREFACE).toHaveLength(24);
  });
});
