import { BinaryWriter } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  enveloped,
  envelopedText,
  varint64Size,
  varintSize,
  writeVarint,
  writeVarint64,
} from '../../../src/rpc/wire/varint.ts';

const wholes = fc.oneof(fc.constantFrom(0, 127, 128, 2 ** 31, 2 ** 32, 2 ** 53 - 1), fc.maxSafeNat());
const halves = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });

test('a number is written as the generic writer does it, in as many bytes as were said', () => {
  fc.assert(
    fc.property(wholes, (value) => {
      const bytes = Buffer.alloc(12);
      const end = writeVarint(bytes, 1, value);
      expect(end - 1).toBe(varintSize(value));
      expect(bytes.subarray(1, end)).toEqual(Buffer.from(new BinaryWriter().uint64(value).finish()));
    }),
  );
});

test('so are any 64 bits', () => {
  fc.assert(
    fc.property(halves, halves, (low, high) => {
      const value = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
      const bytes = Buffer.alloc(12);
      const end = writeVarint64(bytes, 1, low, high);
      expect(end - 1).toBe(varint64Size(low, high));
      expect(bytes.subarray(1, end)).toEqual(Buffer.from(new BinaryWriter().uint64(value).finish()));
    }),
  );
});

test('an envelope says that nothing is compressed, and the length', () => {
  expect(enveloped(0x01020304 & 0xffff).subarray(0, 5)).toEqual(Buffer.from([0, 0, 0, 3, 4]));
  expect(envelopedText('"é"')).toEqual(Buffer.from([0, 0, 0, 0, 4, 0x22, 0xc3, 0xa9, 0x22]));
});
