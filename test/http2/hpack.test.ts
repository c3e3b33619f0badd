import { describe, expect, it } from 'vitest';
import { COMPRESSION_ERROR } from '../../src/http2/errors.ts';
import { headerBlock, trailerBlock } from '../../src/http2/header-block.ts';
import { HeaderDecoder } from '../../src/http2/header-decoder.ts';

type Pairs = [string, string][];

function decode(decoder: HeaderDecoder, block: Uint8Array): Pairs {
  const fields: Pairs = [];
  const bytes = Buffer.from(block);
  decoder.decode(bytes, 0, bytes.length, ({ name, value }) => fields.push([name, value]));
  return fields;
}

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

const FIRST: Pairs = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'www.example.com'],
];
const SECOND: Pairs = [...FIRST, ['cache-control', 'no-cache']];
const THIRD: Pairs = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':path', '/index.html'],
  [':authority', 'www.example.com'],
  ['custom-key', 'custom-value'],
];
const DATES = ['Mon, 21 Oct 2013 20:13:21 GMT', 'Mon, 21 Oct 2013 20:13:22 GMT'];
const LOCATION: [string, string] = ['location', 'https://www.example.com'];
const answer = (status: string, date = DATES[0] ?? ''): Pairs => [
  [':status', status],
  ['cache-control', 'private'],
  ['date', date],
];
const COOKIE = 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1';
const LAST: Pairs = [
  ...answer('200', DATES[1]),
  LOCATION,
  ['content-encoding', 'gzip'],
  ['set-cookie', COOKIE],
];

/** From RFC 7541, appendix C: blocks that come one after the other, and what they say. */
const EXAMPLES: Record<string, [string, Pairs][]> = {
  'C.2.1': [['400a637573746f6d2d6b65790d637573746f6d2d686561646572', [['custom-key', 'custom-header']]]],
  'C.2.2': [['040c2f73616d706c652f70617468', [[':path', '/sample/path']]]],
  'C.2.3': [['100870617373776f726406736563726574', [['password', 'secret']]]],
  'C.2.4': [['82', [[':method', 'GET']]]],
  'C.3': [
    ['828684410f7777772e6578616d706c652e636f6d', FIRST],
    ['828684be58086e6f2d6361636865', SECOND],
    ['828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565', THIRD],
  ],
  'C.4': [
    ['828684418cf1e3c2e5f23a6ba0ab90f4ff', FIRST],
    ['828684be5886a8eb10649cbf', SECOND],
    ['828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf', THIRD],
  ],
  'C.5': [
    [
      `3fe101 4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d54
       6e1768747470733a2f2f7777772e6578616d706c652e636f6d`.replaceAll(/\s/g, ''),
      [...answer('302'), LOCATION],
    ],
    ['4803333037c1c0bf', [...answer('307'), LOCATION]],
    [
      `88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b
       48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31`.replaceAll(
        /\s/g,
        '',
      ),
      LAST,
    ],
  ],
  'C.6': [
    [
      `3fe101 488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8
       e9ae82ae43d3`.replaceAll(/\s/g, ''),
      [...answer('302'), LOCATION],
    ],
    ['4883640effc1c0bf', [...answer('307'), LOCATION]],
    [
      `88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960
       d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007`.replaceAll(/\s/g, ''),
      LAST,
    ],
  ],
};

describe('a header decoder', () => {
  it.each(Object.entries(EXAMPLES))('reads the examples of RFC 7541: %s', (_, blocks) => {
    const decoder = new HeaderDecoder();
    for (const [block, fields] of blocks) expect(decode(decoder, hex(block))).toEqual(fields);
  });

  it.each([
    ['the entry 0', '80'],
    ['an entry that is not there', 'be'],
    ['a name that is not there', '7f00'],
    ['a number without an end', '3fffffffffffffffffff'],
    ['a number beyond all blocks', '7f8080808010'],
    ['half of a number', '3f'],
    ['half of a string', '400a6375'],
    ['half of a field', '40'],
    ['a string longer than its block', '0001610561'],
    ['a table larger than it may be', '3fe21f'],
    ['three sizes of the table', '202020'],
    ['a size of the table behind a field', '8220'],
    ['the end of a string in Huffman codes', '000184fffffffc0161'],
    ['padding of a whole byte in Huffman codes', '00821fff0161'],
    ['padding of zeros in Huffman codes', '0081180161'],
  ])('refuses %s', (_, block) => {
    expect(() => decode(new HeaderDecoder(), hex(block))).toThrow(
      expect.objectContaining({ code: COMPRESSION_ERROR }),
    );
  });

  it('forgets what the table has no room for', () => {
    const decoder = new HeaderDecoder();
    const entry = (value: string) => trailerBlock([['a', value]]);
    const added = (value: string) => Buffer.concat([Buffer.of(0x40), entry(value).subarray(1)]);
    for (let index = 0; index < 200; index++) decode(decoder, added(`${index}`.padStart(31, '0')));
    // 64 bytes each: 64 entries fit.
    expect(decode(decoder, hex('be'))).toEqual([['a', '199'.padStart(31, '0')]]);
    expect(decode(decoder, hex('fd'))).toEqual([['a', '136'.padStart(31, '0')]]);
    expect(() => decode(decoder, hex('fe'))).toThrow();
    decode(decoder, hex('20'));
    expect(() => decode(decoder, hex('be'))).toThrow();
  });

  it('keeps nothing of an entry larger than the table, and nothing else either', () => {
    const decoder = new HeaderDecoder();
    decode(decoder, hex('400161 0162'));
    const larger = Buffer.concat([hex('400163'), Buffer.from([0x7f, 0x89, 0x26]), Buffer.alloc(5_000, 0x64)]);
    expect(decode(decoder, larger)[0]?.[1]).toHaveLength(5_000);
    expect(() => decode(decoder, hex('be'))).toThrow();
  });
});

describe('a header block', () => {
  it('says what it was made of, on any connection', () => {
    const fields: Pairs = [
      ['content-type', 'application/grpc'],
      ['grpc-message', 'ö is one byte'],
      ['x-long', 'y'.repeat(1_000)],
      ['X-Upper', ''],
    ];
    const decoder = new HeaderDecoder();
    const expected = [[':status', '418'], ...fields.map(([name, value]) => [name.toLowerCase(), value])];
    for (let times = 0; times < 3; times++)
      expect(decode(decoder, headerBlock(418, fields))).toEqual(expected);
    expect(decode(decoder, headerBlock(200, []))).toEqual([[':status', '200']]);
  });
});
