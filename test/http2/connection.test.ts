import { describe, expect, it } from 'vitest';
import { headerBlock as answerBlock, trailerBlock } from '../../src/http2/header-block.ts';
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
  RST_STREAM,
  SETTINGS,
  settingsFrame,
  uint32,
  WINDOW_UPDATE,
} from '../attacks/raw-http2.ts';
import { type Dialogue, data, described, dialogue, request } from './fake-socket.ts';

const OK = answerBlock(200, [['content-type', 'application/grpc']]);
const TRAILERS = trailerBlock([['grpc-status', '0']]);

/** The least that a request says. */
const FIELDS: [string, string][] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
];

async function told(talk: Dialogue): Promise<string[]> {
  return (await talk.heard()).map(described);
}

/** With what the peer was told at the beginning read. */
async function quietDialogue(...args: Parameters<typeof dialogue>): Promise<Dialogue> {
  const talk = dialogue(...args);
  await talk.heard();
  talk.socket.wroteTimes = 0;
  return talk;
}

describe('a connection', () => {
  it('says what it takes, and that it has heard', async () => {
    const heard = await dialogue().heard();
    expect(heard.map(({ type, flags }) => [type, flags])).toEqual([
      [SETTINGS, 0],
      [WINDOW_UPDATE, 0],
      [SETTINGS, ACK],
    ]);
  });

  it('sends in one write all that one read led to', async () => {
    const talk = await quietDialogue({
      onStream: (stream) => {
        stream.respond(OK);
        stream.end(Buffer.from('answer'), TRAILERS);
      },
    });
    talk.say(...[1, 3, 5].flatMap((id) => [request(id), data(id, 10, END_STREAM)]), pingFrame());
    expect(talk.socket.wroteTimes).toBe(1);
    const one = (id: number) => [`HEADERS ${id}`, `DATA ${id} 6`, `HEADERS ${id} end`];
    expect(await told(talk)).toEqual([...one(1), ...one(3), ...one(5), 'PING 0']);
  });

  it('sends in one write what many streams are told one after the other', async () => {
    const talk = await quietDialogue();
    talk.say(...[1, 3, 5].map((id) => request(id)));
    const shared = Buffer.alloc(1_000, 7);
    for (const stream of talk.streams) {
      stream.respond(OK);
      stream.write(shared);
    }
    expect(talk.socket.wroteTimes).toBe(0);
    expect(await told(talk)).toHaveLength(6);
    expect(talk.socket.wroteTimes).toBe(1);
  });

  it('copies nothing that is large', async () => {
    const talk = await quietDialogue();
    talk.say(request(1), request(3));
    const shared = Buffer.alloc(5_000, 7);
    const handed: Uint8Array[] = [];
    talk.socket.write = (bytes) => {
      handed.push(bytes);
      return true;
    };
    for (const stream of talk.streams) stream.write(shared);
    await talk.heard();
    expect(
      handed.filter(({ buffer, byteOffset }) => buffer === shared.buffer && byteOffset === shared.byteOffset),
    ).toHaveLength(2);
  });

  it('finds its frames however they are cut up', async () => {
    const whole = Buffer.concat([request(1), data(1, 300), data(1, 5, END_STREAM), request(3, END_STREAM)]);
    for (const size of [1, 2, 7, 9, 10, 100]) {
      const talk = dialogue();
      for (let at = 0; at < whole.length; at += size) talk.say(whole.subarray(at, at + size));
      expect(talk.owners.map(({ what }) => what)).toEqual([[300, 5, 'end'], ['end']]);
    }
  });

  it('hands over what a request says', () => {
    const talk = dialogue();
    talk.say(
      request(1, 0, [
        ['x-a', '1'],
        ['x-a', '2'],
        ['content-length', '7'],
      ]),
    );
    const { head, address } = talk.streams[0] ?? expect.fail();
    expect(head).toMatchObject({ method: 'POST', scheme: 'http', path: '/call', authority: 'localhost' });
    expect([head.get('x-a'), head.repeats('x-a'), head.get('te'), head.get('nothing')]).toEqual([
      '1, 2',
      true,
      'trailers',
      undefined,
    ]);
    expect([head.contentLength, address]).toEqual([7, '192.0.2.1']);
  });

  it('puts a block together that comes in pieces, and takes trailers', () => {
    const talk = dialogue();
    const block = headerBlock([
      [':method', 'GET'],
      [':path', '/'],
      [':scheme', 'http'],
      ['x-a', 'y'.repeat(100)],
    ]);
    talk.say(
      frame(HEADERS, END_STREAM, 1, block.subarray(0, 30)),
      frame(CONTINUATION, 0, 1, block.subarray(30, 31)),
    );
    talk.say(frame(CONTINUATION, END_HEADERS, 1, block.subarray(31)));
    talk.say(
      request(3),
      data(3, 3),
      frame(HEADERS, END_HEADERS | END_STREAM, 3, headerBlock([['x-b', '1']])),
    );
    expect(talk.owners.map(({ what }) => what)).toEqual([['end'], [3, 'end']]);
  });

  it('cuts up headers that are larger than a frame', async () => {
    const talk = await quietDialogue();
    talk.say(request(1, END_STREAM));
    talk.streams[0]?.respond(answerBlock(200, [['grpc-message', 'x'.repeat(40_000)]]), true);
    const heard = await talk.heard();
    expect(heard.map(({ type, flags, payload }) => [type, flags, payload.length <= 16_384])).toEqual([
      [HEADERS, END_STREAM, true],
      [CONTINUATION, 0, true],
      [CONTINUATION, END_HEADERS, true],
    ]);
  });

  it('empties its table for a peer that wants a smaller one, once', async () => {
    const talk = await quietDialogue({}, [settingsFrame([[1, 0]])]);
    talk.say(request(1, END_STREAM), request(3, END_STREAM));
    for (const stream of talk.streams) stream.respond(OK, true);
    const [first, second] = await talk.heard();
    expect([first?.payload[0], second?.payload]).toEqual([0x20, OK]);
  });
});

describe('the window of a stream', () => {
  it('is kept to, and so is that of the connection', async () => {
    const talk = await quietDialogue({}, [settingsFrame([[4, 10]])]);
    talk.say(request(1, END_STREAM));
    const [stream] = talk.streams;
    stream?.respond(OK);
    expect(stream?.write(Buffer.alloc(25))).toBe(false);
    expect(await told(talk)).toEqual(['HEADERS 1', 'DATA 1 10']);
    talk.say(windowFrame(1, 10));
    expect(await told(talk)).toEqual(['DATA 1 10']);
    expect(talk.owners[0]?.what).toEqual(['end']);
    talk.say(settingsFrame([[4, 20]]));
    expect(await told(talk)).toEqual(['SETTINGS 0', 'DATA 1 5']);
    expect(talk.owners[0]?.what).toEqual(['end', 'drained']);
    stream?.end(Buffer.alloc(10), TRAILERS);
    expect(await told(talk)).toEqual(['DATA 1 5']);
    talk.say(settingsFrame([[4, 0]]), windowFrame(1, 10));
    expect(await told(talk)).toEqual(['SETTINGS 0']);
    talk.say(windowFrame(1, 15));
    expect(await told(talk)).toEqual(['DATA 1 5', 'HEADERS 1 end']);
  });

  it('may be of no size for those who share one', async () => {
    const talk = await quietDialogue({}, [settingsFrame([[4, 2 ** 31 - 1]])]);
    talk.say(request(1, END_STREAM), request(3, END_STREAM));
    const [first, second] = talk.streams;
    first?.end(Buffer.alloc(65_535));
    expect(second?.write(Buffer.alloc(1))).toBe(false);
    await talk.heard();
    talk.say(windowFrame(0, 1));
    expect(await told(talk)).toEqual(['DATA 3 1']);
  });

  it('is opened in large steps, and not while the stream is paused', async () => {
    const talk = await quietDialogue();
    talk.say(request(1), data(1, 131_071));
    expect(await told(talk)).toEqual([]);
    talk.say(data(1, 1));
    expect(await told(talk)).toEqual(['WINDOW 1 131072']);
    const [stream] = talk.streams;
    stream?.pause();
    talk.say(data(1, 262_144, END_STREAM));
    expect(talk.owners[0]?.what.reduce<number>((sum, bytes) => sum + Number(bytes), 0)).toBe(131_072);
    expect(await told(talk)).toEqual([]);
    stream?.resume();
    expect(talk.owners[0]?.what.slice(-2)).toEqual([262_144, 'end']);
  });

  it('has an end for those who do not keep to it', async () => {
    const talk = await quietDialogue();
    talk.say(request(1));
    talk.streams[0]?.pause();
    talk.say(data(1, 262_144));
    expect(await told(talk)).toEqual([]);
    talk.say(data(1, 1));
    expect(await told(talk)).toEqual(['RST_STREAM 1 3']);
    expect(talk.owners[0]?.what).toEqual(['reset']);
  });

  it('bounds what streams hold that take nothing: 5 MiB', async () => {
    const talk = await quietDialogue();
    const streams = Array.from({ length: 100 }, (_, index) => index * 2 + 1);
    talk.say(...streams.map((id) => request(id)));
    for (const stream of talk.streams) stream.pause();
    let sent = 0;
    let window = 65_535;
    const opened = (await dialogue().heard()).find(({ type }) => type === WINDOW_UPDATE);
    window += opened?.payload.readUInt32BE() ?? 0;
    for (const id of streams) {
      const size = Math.min(262_144, window);
      talk.say(data(id, size));
      sent += size;
      window -= size;
      for (const { type, stream, payload } of await talk.heard())
        if (type === WINDOW_UPDATE && stream === 0) window += payload.readUInt32BE();
    }
    expect([window, sent <= 5 * 2 ** 20]).toEqual([0, true]);
    talk.streams[0]?.resume();
    for (const stream of talk.streams) stream.reset(8);
    expect((await told(talk)).filter((each) => each.startsWith('WINDOW 0'))).toHaveLength(1);
  });
});

describe('a peer that does not read', () => {
  it('is sent no more data, and is not read from, until it does', async () => {
    const talk = await quietDialogue();
    talk.say(request(1, END_STREAM));
    talk.socket.writableLength = 100_000;
    expect(talk.streams[0]?.write(Buffer.alloc(1_000))).toBe(false);
    talk.say(pingFrame());
    expect(talk.socket.isPaused).toBe(true);
    expect(await told(talk)).toEqual(['PING 0']);
    talk.socket.writableLength = 0;
    talk.connection.drained();
    expect(talk.socket.isPaused).toBe(false);
    expect(await told(talk)).toEqual(['DATA 1 1000']);
  });

  it('is cut off after a while', () => {
    const talk = dialogue();
    talk.say(request(1));
    talk.socket.writableLength = 100_000;
    for (const at of [1_000, 30_000, 62_000]) {
      talk.now = at;
      talk.connection.look();
    }
    expect(talk.socket.isDestroyed).toBe(true);
  });

  it('loses the end of an answer that it leaves lying', async () => {
    const talk = await quietDialogue({}, [settingsFrame([[4, 0]])]);
    talk.say(request(1, END_STREAM));
    talk.streams[0]?.respond(OK);
    talk.streams[0]?.end(Buffer.alloc(10), TRAILERS);
    talk.now += 29_000;
    talk.connection.look();
    expect(await told(talk)).toEqual(['HEADERS 1']);
    talk.now += 2_000;
    talk.connection.look();
    expect(await told(talk)).toEqual(['RST_STREAM 1 8']);
  });
});

describe('a request that is answered before its end', () => {
  it('is read on for a moment, and then no more', async () => {
    const talk = await quietDialogue();
    talk.say(request(1), request(3));
    for (const stream of talk.streams) stream.respond(OK, true);
    talk.say(data(1, 10), data(1, 10, END_STREAM), data(3, 10));
    talk.now += 1_000;
    talk.connection.look();
    expect(await told(talk)).toEqual(['HEADERS 1 end', 'HEADERS 3 end']);
    talk.now += 2_000;
    talk.connection.look();
    expect(await told(talk)).toEqual(['RST_STREAM 3 0']);
    expect(talk.owners.map(({ what }) => what)).toEqual([[], []]);
  });
});

describe('a stream', () => {
  it('tells its owner that its peer is gone, once, and sends nothing after that', async () => {
    const talk = await quietDialogue();
    talk.say(request(1), frame(RST_STREAM, 0, 1, uint32(8)), data(1, 5), request(3));
    talk.connection.closed();
    talk.connection.closed();
    expect(talk.owners.map(({ what }) => what)).toEqual([['reset'], ['reset']]);
    for (const stream of talk.streams) {
      stream.respond(OK);
      stream.write(Buffer.alloc(10));
      stream.end();
      stream.reset(8);
    }
    expect(await told(talk)).toEqual(['RST_STREAM 1 5']);
  });

  it('that was reset here takes what was sent before the peer knew', async () => {
    const talk = await quietDialogue();
    talk.say(request(1));
    talk.streams[0]?.reset(8);
    talk.say(data(1, 1_000), frame(HEADERS, END_HEADERS | END_STREAM, 1, headerBlock([['x-a', '1']])));
    talk.say(frame(WINDOW_UPDATE, 0, 1, uint32(1)), frame(RST_STREAM, 0, 1, uint32(8)));
    expect(await told(talk)).toEqual(['RST_STREAM 1 8']);
    expect(talk.owners[0]?.what).toEqual([]);
  });

  it.each([
    ['more than was announced', 10, [data(1, 11)]],
    ['less than was announced', 10, [data(1, 9, END_STREAM)]],
    ['nothing, where something was announced', 10, [data(1, 0, END_STREAM)]],
    [
      'trailers with a pseudo header',
      0,
      [frame(HEADERS, END_HEADERS | END_STREAM, 1, headerBlock([[':path', '/']]))],
    ],
    ['headers that do not end it', 0, [frame(HEADERS, END_HEADERS, 1, headerBlock([['x-a', '1']]))]],
    [
      'trailers with a wrong name',
      0,
      [frame(HEADERS, END_HEADERS | END_STREAM, 1, headerBlock([['X-A', '1']]))],
    ],
    ['a window that is opened by nothing', 0, [windowFrame(1, 0)]],
  ])('is reset that brings %s', async (_, length, frames) => {
    const talk = await quietDialogue();
    talk.say(request(1, 0, length === 0 ? [] : [['content-length', String(length)]]), ...frames);
    expect(await told(talk)).toEqual(['RST_STREAM 1 1']);
    expect(talk.owners[0]?.what.at(-1)).toBe('reset');
  });

  it.each([
    [
      'no method',
      [
        [':path', '/'],
        [':scheme', 'http'],
      ],
    ],
    [
      'no scheme',
      [
        [':method', 'GET'],
        [':path', '/'],
      ],
    ],
    [
      'no path',
      [
        [':method', 'GET'],
        [':scheme', 'http'],
      ],
    ],
    [
      'an empty path',
      [
        [':method', 'GET'],
        [':scheme', 'http'],
        [':path', ''],
      ],
    ],
    [
      'a path that begins anywhere',
      [
        [':method', 'GET'],
        [':scheme', 'http'],
        [':path', 'x'],
      ],
    ],
    ['a method twice', [[':method', 'GET'], ...FIELDS]],
    ['a status', [[':status', '200'], ...FIELDS]],
    ['a pseudo header behind others', [['x-a', '1'], ...FIELDS]],
    ['an upper-case name', [...FIELDS, ['X-A', '1']]],
    ['no name', [...FIELDS, ['', '1']]],
    ['a line break', [...FIELDS, ['x-a', '1\r\nx-b: 2']]],
    ['blanks around a value', [...FIELDS, ['x-a', ' 1']]],
    ['a connection', [...FIELDS, ['connection', 'close']]],
    ['a transfer encoding', [...FIELDS, ['transfer-encoding', 'chunked']]],
    ['an upgrade', [...FIELDS, ['upgrade', 'h2c']]],
    ['te that is not for trailers', [...FIELDS, ['te', 'gzip']]],
    ['two lengths', [...FIELDS, ['content-length', '1'], ['content-length', '1']]],
    ['a length that is none', [...FIELDS, ['content-length', '-1']]],
  ] as [string, [string, string][]][])('is refused whose request has %s', async (_, fields) => {
    const talk = await quietDialogue();
    talk.say(frame(HEADERS, END_HEADERS | END_STREAM, 1, headerBlock(fields)), request(3, END_STREAM));
    expect(await told(talk)).toEqual(['RST_STREAM 1 1']);
    expect(talk.streams.map(({ id }) => id)).toEqual([3]);
  });

  it.each([
    ['too large', [['x-a', 'y'.repeat(16_384)]]],
    ['too many', Array.from({ length: 65 }, (_, index) => [`x-${index}`, ''])],
  ] as [string, [string, string][]][])('is refused whose headers are %s', async (_, fields) => {
    const talk = await quietDialogue();
    const block = headerBlock([...FIELDS, ...fields]);
    talk.say(
      frame(HEADERS, END_STREAM, 1, block.subarray(0, 16_384)),
      frame(CONTINUATION, END_HEADERS, 1, block.subarray(16_384)),
    );
    expect(await told(talk)).toEqual(['RST_STREAM 1 11']);
    talk.say(request(3, END_STREAM));
    expect(talk.streams.map(({ id }) => id)).toEqual([3]);
  });

  it('is refused beyond as many as may be open', async () => {
    const talk = await quietDialogue({ maxStreams: 2 });
    talk.say(...[1, 3, 5].map((id) => request(id)), data(5, 10));
    expect(await told(talk)).toEqual(['RST_STREAM 5 7']);
    talk.streams[0]?.reset(8);
    talk.say(request(7));
    expect(talk.streams.map(({ id }) => id)).toEqual([1, 3, 7]);
  });
});

describe('goodbye', () => {
  it('is said twice: calls that were made before the peer knew are answered', async () => {
    const talk = await quietDialogue();
    talk.say(request(1, END_STREAM));
    talk.connection.drain();
    const [goaway, ping] = await talk.heard();
    expect([goaway?.type, goaway?.payload.readUInt32BE(), goaway?.payload.readUInt32BE(4)]).toEqual([
      GOAWAY,
      2 ** 31 - 1,
      0,
    ]);
    talk.say(request(3, END_STREAM), frame(PING, ACK, 0, ping?.payload));
    const [last] = await talk.heard();
    expect([last?.type, last?.payload.readUInt32BE()]).toEqual([GOAWAY, 3]);
    talk.say(request(5, END_STREAM), data(5, 10));
    expect(await told(talk)).toEqual(['RST_STREAM 5 7']);
    talk.streams[0]?.respond(OK, true);
    expect(talk.socket.writable).toBe(true);
    talk.streams[1]?.respond(OK, true);
    expect(talk.socket.writable).toBe(false);
    expect(await told(talk)).toEqual(['HEADERS 1 end', 'HEADERS 3 end']);
  });

  it('does not wait for whoever does not hear, nor for requests that never end', async () => {
    const talk = await quietDialogue();
    talk.say(request(1));
    talk.connection.drain();
    for (let looks = 0; looks < 5; looks++) {
      talk.now += 1_000;
      talk.connection.look();
    }
    expect(talk.owners[0]?.what).toEqual(['reset']);
    expect([talk.socket.writable, talk.socket.isDestroyed]).toEqual([false, true]);
  });

  it('is said when nothing runs, and to a peer that says it first', async () => {
    const idle = await quietDialogue();
    idle.say(request(1, END_STREAM));
    idle.now += 100_000;
    idle.connection.look();
    idle.streams[0]?.respond(OK, true);
    idle.now += 59_000;
    idle.connection.look();
    expect(await told(idle)).toEqual(['HEADERS 1 end']);
    idle.now += 2_000;
    idle.connection.look();
    expect((await idle.heard()).map(({ type }) => type)).toEqual([GOAWAY, PING]);
    const leaving = await quietDialogue();
    leaving.say(frame(GOAWAY, 0, 0, Buffer.alloc(8)));
    expect((await leaving.heard()).map(({ type }) => type)).toEqual([GOAWAY]);
    expect(leaving.socket.writable).toBe(false);
  });

  it('is said to whoever never finishes what was begun', async () => {
    const silent = dialogue({}, []);
    const stuck = dialogue();
    stuck.say(frame(HEADERS, 0, 1, headerBlock(FIELDS)));
    for (const talk of [silent, stuck]) {
      talk.connection.look();
      talk.now += 10_000;
      talk.connection.look();
      expect((await talk.heard()).filter(({ type }) => type === GOAWAY).map(errorOf)).toEqual([
        'ENHANCE_YOUR_CALM',
      ]);
      expect(talk.socket.writable).toBe(false);
    }
  });
});

function windowFrame(stream: number, increment: number): Buffer {
  return frame(WINDOW_UPDATE, 0, stream, uint32(increment));
}

function pingFrame(): Buffer {
  return frame(PING, 0, 0, Buffer.alloc(8));
}
