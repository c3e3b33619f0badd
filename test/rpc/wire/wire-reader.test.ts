import { describe, expect, it } from 'vitest';
import { WireError, WireReader } from '../../../src/rpc/wire/wire-reader.ts';

const reader = (...bytes: number[]) => new WireReader(Uint8Array.from(bytes));
const text = (content: Uint8Array) => reader(content.length, ...content);

describe('a tag', () => {
  it.each([
    ['the first field', [0x0a], 0x0a],
    ['with zeros that say nothing', [0x8a, 0x80, 0x80, 0x80, 0x00], 0x0a],
    ['the largest', [0xfd, 0xff, 0xff, 0xff, 0x0f], 2 ** 32 - 3],
  ])('is read: %s', (_, bytes, tag) => {
    expect(reader(...bytes).tag()).toBe(tag);
  });

  it.each([
    ['there is no field 0', [0x02]],
    ['there is no wire type 6', [0x0e]],
    ['more than 32 bits', [0x8a, 0x80, 0x80, 0x80, 0x10]],
    ['more than five bytes', [0x8a, 0x80, 0x80, 0x80, 0x80, 0x00]],
    ['cut off', [0x8a]],
    ['nothing', []],
  ])('is refused: %s', (_, bytes) => {
    expect(() => reader(...bytes).tag()).toThrow(WireError);
  });
});

describe('a number', () => {
  it('of 32 bits loses what is above them', () => {
    expect(reader(0xff, 0xff, 0xff, 0xff, 0x7f).uint32()).toBe(2 ** 32 - 1);
    expect(reader(0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01).uint32()).toBe(1);
  });

  it('of 64 bits is read in halves', () => {
    const wide = reader(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01);
    wide.varint64();
    expect([wide.low, wide.high]).toEqual([-1, -1]);
    const middle = reader(0x80, 0x80, 0x80, 0x80, 0x10);
    middle.varint64();
    expect([middle.low, middle.high]).toEqual([0, 1]);
  });

  it('has ten bytes at most', () => {
    const long = Array(10).fill(0x80);
    expect(() => reader(...long, 0).uint32()).toThrow(WireError);
    expect(() => reader(...long, 0).varint64()).toThrow(WireError);
    expect(() => reader(...long, 0).bool()).toThrow(WireError);
  });

  it('may be longer where nobody looks at it', () => {
    const skipped = reader(...Array(50).fill(0x80), 0);
    skipped.skip(0x08, 99);
    expect(skipped.at).toBe(51);
  });

  it('is true if any of its bits is', () => {
    expect(reader(0).bool()).toBe(false);
    expect(reader(0x80, 0x80, 0x80, 0x80, 0x00).bool()).toBe(false);
    expect(reader(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01).bool()).toBe(true);
  });

  it('with a fraction takes eight bytes', () => {
    const bytes = Buffer.alloc(8);
    for (const value of [0, -0, 1.5, 5e-324, -1.7e308, Number.POSITIVE_INFINITY, Number.NaN]) {
      bytes.writeDoubleLE(value);
      expect(reader(...bytes).double()).toBe(value);
    }
    expect(() => reader(...bytes.subarray(1)).double()).toThrow(WireError);
  });
});

describe('a text', () => {
  it.each(['', 'plan', 'é', '日本語', '\u{1f600}', '\ufeffx', '\ufffd', 'x'.repeat(31), 'ü'.repeat(40)])(
    'is %j again',
    (content) => {
      expect(text(Buffer.from(content)).text()).toBe(content);
      expect(text(Buffer.from(content)).name()).toBe(content);
    },
  );

  it.each([
    ['a lone continuation', [0x80]],
    ['cut off', [0xe2, 0x82]],
    ['longer than needed', [0xc0, 0xaf]],
    ['half of a surrogate pair', [0xed, 0xa0, 0x80]],
    ['beyond Unicode', [0xf4, 0x90, 0x80, 0x80]],
    ['behind text that is longer than most', [...Buffer.from('x'.repeat(40)), 0xff]],
    ['beside what it would be replaced by', [...Buffer.from('\ufffd'), 0xff]],
  ])('that is not UTF-8 is refused: %s', (_, bytes) => {
    expect(() => text(Uint8Array.from(bytes)).text()).toThrow(WireError);
    expect(() => text(Uint8Array.from(bytes)).name()).toThrow(WireError);
  });

  it('does not reach beyond the message', () => {
    expect(() => reader(3, 0x61, 0x62).text()).toThrow(WireError);
  });
});

describe('a group that nobody knows', () => {
  const nested = (levels: number) => reader(...Array(levels).fill(0x1b), ...Array(levels + 1).fill(0x1c));

  it('is skipped with all that is in it', () => {
    const skipped = reader(
      0x08,
      0x01,
      0x12,
      0x01,
      0x61,
      0x1d,
      1,
      2,
      3,
      4,
      0x21,
      1,
      2,
      3,
      4,
      5,
      6,
      7,
      8,
      0x1c,
      9,
    );
    skipped.skip(0x1b, 1);
    expect(skipped.at).toBe(20);
  });

  it('nests as deep as messages may, and no deeper', () => {
    expect(() => nested(4).skip(0x1b, 5)).not.toThrow();
    expect(() => nested(5).skip(0x1b, 5)).toThrow(WireError);
  });

  it('ends with its own number', () => {
    expect(() => reader(0x24).skip(0x1b, 5)).toThrow(WireError);
    expect(() => reader().skip(0x1b, 5)).toThrow(WireError);
    expect(() => reader().skip(0x1c, 5)).toThrow(WireError);
  });
});
