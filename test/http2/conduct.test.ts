import { describe, expect, it } from 'vitest';
import { headerBlock as answerBlock } from '../../src/http2/header-block.ts';
import {
  ACK,
  CONTINUATION,
  END_HEADERS,
  END_STREAM,
  errorOf,
  frame,
  GOAWAY,
  HEADERS,
  headerBlock,
  PING,
  PRIORITY,
  RST_STREAM,
  SETTINGS,
  settingsFrame,
  uint32,
  WINDOW_UPDATE,
} from '../attacks/raw-http2.ts';
import { type Dialogue, data, dialogue, request } from './fake-socket.ts';

const OK = answerBlock(200, []);
const id = (index: number) => index * 2 + 1;

/** Says one thing after the other, `everyMs`, until it is sent away: after how many of them, and with what error. */
async function sentAwayAfter(
  talk: Dialogue,
  count: number,
  make: (index: number) => Buffer,
  everyMs = 0,
): Promise<[number, string] | undefined> {
  await talk.heard();
  for (let index = 0; index < count; index++) {
    talk.say(make(index));
    talk.now += everyMs;
    const goaway = (await talk.heard()).find(({ type }) => type === GOAWAY);
    if (goaway !== undefined) return [index + 1, errorOf(goaway)];
  }
  return undefined;
}

/** Answers at once. */
function answering(): Dialogue {
  return dialogue({
    onStream: (stream) => {
      stream.respond(OK);
      stream.end(Buffer.from('answer'));
    },
  });
}

const priority = (index: number) => frame(PRIORITY, 0, id(index), Buffer.from([0, 0, 0, 0, 1]));
const ping = () => frame(PING, 0, 0, Buffer.alloc(8));

describe('a peer', () => {
  it.each([
    ['resets what it asks for', (index) => [request(id(index)), frame(RST_STREAM, 0, id(index), uint32(8))]],
    [
      'has what it asks for reset',
      (index) => [request(id(index)), frame(WINDOW_UPDATE, 0, id(index), uint32(0))],
    ],
    [
      'sends more than it announces',
      (index) => [request(id(index), 0, [['content-length', '1']]), data(id(index), 2)],
    ],
    [
      'asks for what cannot be',
      (index) => [frame(HEADERS, END_HEADERS, id(index), headerBlock([[':method', 'GET']]))],
    ],
  ] as [string, (index: number) => Buffer[]][])('is sent away that %s, after 200 times', async (_, make) => {
    const after = await sentAwayAfter(dialogue(), 1_000, (index) => Buffer.concat(make(index)));
    expect(after).toEqual([201, 'ENHANCE_YOUR_CALM']);
  });

  it('may reset a stream now and then, and half of what it asks for when the rest is answered', async () => {
    const talk = dialogue({
      onStream: (stream) => {
        if (stream.id % 3 !== 0) stream.respond(OK, true);
      },
    });
    const make = (index: number) =>
      Buffer.concat([
        request(id(index), END_STREAM),
        ...(id(index) % 3 === 0 ? [frame(RST_STREAM, 0, id(index), uint32(8))] : []),
      ]);
    expect(await sentAwayAfter(talk, 2_000, make)).toBeUndefined();
    const slowly = (index: number) =>
      Buffer.concat([request(id(index)), frame(RST_STREAM, 0, id(index), uint32(8))]);
    expect(await sentAwayAfter(dialogue(), 1_000, slowly, 31)).toBeUndefined();
  });

  it.each([
    ['priorities', priority, 991],
    ['frames of no known type', (index) => frame(0xf0 + (index % 8), 0, 0, Buffer.alloc(8)), 991],
    ['windows', () => frame(WINDOW_UPDATE, 0, 0, uint32(1)), 991],
    ['answers to no ping', () => frame(PING, ACK, 0, Buffer.alloc(8)), 991],
    ['answers to no settings', () => frame(SETTINGS, ACK, 0), 991],
    ['settings', () => settingsFrame([[4, 1]]), 100],
  ] as [string, (index: number) => Buffer, number][])(
    'is sent away that sends nothing but %s',
    async (_, make, after) => {
      expect(await sentAwayAfter(dialogue(), 2_000, make)).toEqual([after, 'ENHANCE_YOUR_CALM']);
    },
  );

  it('is sent away that sends empty DATA, and that resets what is over', async () => {
    const empty = dialogue();
    empty.say(request(1));
    expect((await sentAwayAfter(empty, 2_000, () => data(1, 0)))?.[1]).toBe('ENHANCE_YOUR_CALM');
    const over = answering();
    over.say(request(1, END_STREAM));
    const reset = () => frame(RST_STREAM, 0, 1, uint32(8));
    expect((await sentAwayAfter(over, 2_000, reset))?.[1]).toBe('ENHANCE_YOUR_CALM');
  });

  it('may send some of that with every call', async () => {
    const make = (index: number) =>
      Buffer.concat([
        priority(index),
        request(id(index), END_STREAM),
        frame(WINDOW_UPDATE, 0, 0, uint32(6)),
        frame(RST_STREAM, 0, id(index), uint32(0)),
        ping(),
      ]);
    expect(await sentAwayAfter(answering(), 5_000, make)).toBeUndefined();
  });

  it.each([
    [
      'pieces',
      10_000,
      (index) => frame(index === 0 ? HEADERS : CONTINUATION, 0, 1, headerBlock([['x-a', '1']])),
    ],
    ['empty pieces', 10_000, (index) => frame(index === 0 ? HEADERS : CONTINUATION, 0, 1)],
    [
      'large pieces',
      10,
      (index) => frame(index === 0 ? HEADERS : CONTINUATION, 0, 1, Buffer.alloc(16_384, 0x82)),
    ],
  ] as [string, number, (index: number) => Buffer][])(
    'is sent away whose headers come in ever more %s',
    async (_, count, make) => {
      const after = await sentAwayAfter(dialogue(), count, make);
      expect([Number(after?.[0]) <= 17, after?.[1]]).toEqual([true, 'ENHANCE_YOUR_CALM']);
    },
  );

  it.each([
    ['ten thousand times the same entry of the table', Buffer.alloc(10_000, 0x80 | 62)],
    ['one entry after the other', Buffer.concat(Array(2_000).fill(Buffer.from([0x40, 1, 0x62, 1, 0x62])))],
  ])('is refused whose headers are %s, in time that follows their bytes', async (_, bomb) => {
    const talk = dialogue();
    await talk.heard();
    const large = Buffer.concat([Buffer.from([0x40, 1, 0x61, 0x7f, 0xa1, 0x1e]), Buffer.alloc(4_000, 0x61)]);
    talk.say(frame(HEADERS, END_HEADERS | END_STREAM, 1, Buffer.concat([headerBlock(FIELDS), large, bomb])));
    const [reset] = await talk.heard();
    expect([reset?.type, reset && errorOf(reset)]).toEqual([RST_STREAM, 'ENHANCE_YOUR_CALM']);
    talk.say(request(3, END_STREAM));
    expect(talk.streams).toHaveLength(1);
  });
});

const FIELDS: [string, string][] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
];

describe('pings', () => {
  it('are for nothing when nothing is sent in between and they come in a hurry', async () => {
    expect(await sentAwayAfter(dialogue(), 100, ping, 4_000)).toEqual([6, 'ENHANCE_YOUR_CALM']);
    expect(await sentAwayAfter(dialogue(), 100, ping, 5_000)).toBeUndefined();
  });

  it('are welcome while answers flow', async () => {
    const make = (index: number) => Buffer.concat([request(id(index), END_STREAM), ping()]);
    expect(await sentAwayAfter(answering(), 1_000, make, 1)).toBeUndefined();
  });
});

it('what breaks the rules of the connection ends it', async () => {
  const broken: [string, Buffer[]][] = [
    ['PROTOCOL_ERROR', [frame(PING, 0, 1, Buffer.alloc(8))]],
    ['PROTOCOL_ERROR', [frame(SETTINGS, 0, 1)]],
    ['PROTOCOL_ERROR', [frame(RST_STREAM, 0, 0, uint32(8))]],
    ['PROTOCOL_ERROR', [frame(RST_STREAM, 0, 1, uint32(8))]],
    ['PROTOCOL_ERROR', [frame(WINDOW_UPDATE, 0, 1, uint32(8))]],
    ['PROTOCOL_ERROR', [frame(WINDOW_UPDATE, 0, 0, uint32(0))]],
    ['PROTOCOL_ERROR', [data(1, 10)]],
    ['PROTOCOL_ERROR', [data(0, 10)]],
    ['PROTOCOL_ERROR', [request(2)]],
    ['PROTOCOL_ERROR', [request(0)]],
    ['PROTOCOL_ERROR', [request(5), request(3)]],
    ['PROTOCOL_ERROR', [frame(5, END_HEADERS, 1, Buffer.alloc(8))]],
    ['PROTOCOL_ERROR', [frame(CONTINUATION, END_HEADERS, 1)]],
    ['PROTOCOL_ERROR', [frame(HEADERS, 0, 1), ping()]],
    ['PROTOCOL_ERROR', [frame(HEADERS, 0, 1), frame(CONTINUATION, END_HEADERS, 3)]],
    ['PROTOCOL_ERROR', [request(1), frame(0, 8, 1, Buffer.from([5, 0, 0]))]],
    ['PROTOCOL_ERROR', [frame(HEADERS, END_HEADERS | 8, 1, Buffer.from([9, 0x82]))]],
    ['PROTOCOL_ERROR', [frame(PRIORITY, 0, 1, Buffer.from([0, 0, 0, 1, 1]))]],
    ['PROTOCOL_ERROR', [frame(HEADERS, END_HEADERS | 0x20, 3, Buffer.from([0, 0, 0, 3, 1, 0x82]))]],
    ['PROTOCOL_ERROR', [frame(PRIORITY, 0, 0, Buffer.from([0, 0, 0, 1, 1]))]],
    ['PROTOCOL_ERROR', [settingsFrame([[2, 2]])]],
    ['PROTOCOL_ERROR', [settingsFrame([[5, 16_383]])]],
    ['PROTOCOL_ERROR', [frame(GOAWAY, 0, 1, Buffer.alloc(8))]],
    ['FLOW_CONTROL_ERROR', [settingsFrame([[4, 2 ** 31]])]],
    ['FLOW_CONTROL_ERROR', [frame(WINDOW_UPDATE, 0, 0, uint32(2 ** 31 - 1))]],
    [
      'FLOW_CONTROL_ERROR',
      [request(1), frame(WINDOW_UPDATE, 0, 1, uint32(2 ** 30)), settingsFrame([[4, 2 ** 31 - 1]])],
    ],
    ['FRAME_SIZE_ERROR', [frame(PING, 0, 0, Buffer.alloc(7))]],
    ['FRAME_SIZE_ERROR', [frame(SETTINGS, 0, 0, Buffer.alloc(5))]],
    ['FRAME_SIZE_ERROR', [frame(SETTINGS, ACK, 0, Buffer.alloc(6))]],
    ['FRAME_SIZE_ERROR', [frame(RST_STREAM, 0, 1, Buffer.alloc(5))]],
    ['FRAME_SIZE_ERROR', [frame(WINDOW_UPDATE, 0, 0, Buffer.alloc(3))]],
    ['FRAME_SIZE_ERROR', [frame(PRIORITY, 0, 1, Buffer.alloc(4))]],
    ['FRAME_SIZE_ERROR', [request(1), frame(0, 8, 1)]],
    ['FRAME_SIZE_ERROR', [Buffer.from([0, 0x40, 1, 0, 0, 0, 0, 0, 1])]],
    ['COMPRESSION_ERROR', [frame(HEADERS, END_HEADERS, 1, Buffer.from([0x80]))]],
    ['ENHANCE_YOUR_CALM', [settingsFrame(Array(33).fill([4, 1]))]],
    ['STREAM_CLOSED', [request(1, END_STREAM), frame(RST_STREAM, 0, 1, uint32(8)), request(1)]],
  ];
  for (const [error, frames] of broken) {
    const talk = dialogue();
    talk.say(...frames);
    const goaway = (await talk.heard()).find(({ type }) => type === GOAWAY);
    expect([frames, goaway && errorOf(goaway)]).toEqual([frames, error]);
    expect([talk.socket.writable, talk.errors.length]).toEqual([false, 1]);
    talk.say(request(101));
    expect(await talk.heard()).toEqual([]);
  }
});

it('what is said first must be the settings', async () => {
  const talk = dialogue({}, [ping()]);
  const goaway = (await talk.heard()).find(({ type }) => type === GOAWAY);
  expect(goaway && errorOf(goaway)).toBe('PROTOCOL_ERROR');
});
