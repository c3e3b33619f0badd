/**
 * How many bits each byte takes in RFC 7541, appendix B; the last is the end of the string. The code is canonical: of
 * those of one length each is the one before plus one, so that lengths say everything.
 */
const LENGTHS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28,
  28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7,
  8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19,
  13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13,
  28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21,
  22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23,
  22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25,
  25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];
const END_OF_STRING = 256;

/** In a step: what is reached, what came out on the way, whether anything did, and whether nothing may come. */
const STATE = 0xff;
const SYMBOL_SHIFT = 8;
const HAS_SYMBOL = 1 << 16;
const IS_WRONG = 1 << 17;

/** By state (an inner node of the tree of codes, of which there are 256) and the next four bits. */
const STEPS = new Uint32Array(256 * 16);
/** States in which a string may end: less than a byte behind the last symbol, and nothing but ones. */
const MAY_END = new Uint8Array(256);

/** Either an inner node, or the symbol of a leaf as a number below zero, less one. */
type Tree = [number, number][];

function treeOfCodes(): Tree {
  const tree: Tree = [[0, 0]];
  let code = 0;
  let length = 0;
  const symbols = LENGTHS.map((bits, symbol) => ({ bits, symbol })).sort(
    (one, other) => one.bits - other.bits || one.symbol - other.symbol,
  );
  for (const { bits, symbol } of symbols) {
    code *= 2 ** (bits - length);
    length = bits;
    let node = 0;
    for (let bit = bits - 1; bit > 0; bit--) {
      const side = Math.floor(code / 2 ** bit) % 2 === 0 ? 0 : 1;
      const branches = tree[node] ?? [0, 0];
      if (branches[side] === 0) branches[side] = tree.push([0, 0]) - 1;
      node = branches[side];
    }
    (tree[node] ?? [0, 0])[code % 2 === 0 ? 0 : 1] = -symbol - 1;
    code++;
  }
  return tree;
}

function stepFrom(tree: Tree, state: number, bits: number): number {
  let node = state;
  let out = 0;
  for (let bit = 3; bit >= 0; bit--) {
    node = tree[node]?.[((bits >> bit) & 1) === 0 ? 0 : 1] ?? 0;
    if (node >= 0) continue;
    const symbol = -node - 1;
    if (symbol === END_OF_STRING) return IS_WRONG;
    out = HAS_SYMBOL | (symbol << SYMBOL_SHIFT);
    node = 0;
  }
  return out | node;
}

function fillTables(): void {
  const tree = treeOfCodes();
  for (const state of tree.keys())
    for (let bits = 0; bits < 16; bits++) STEPS[state * 16 + bits] = stepFrom(tree, state, bits);
  for (let node = 0, ones = 0; ones < 8; ones++, node = tree[node]?.[1] ?? 0) MAY_END[node] = 1;
}

fillTables();

/**
 * Decodes what is between `start` and `end` into `out`, which must have room for 8 / 5 of it. Returns how many bytes came
 * out, or -1 for what is no Huffman code, or ends in the middle of one.
 */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number, out: Uint8Array): number {
  let state = 0;
  let length = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    const upper = STEPS[(state << 4) | (byte >> 4)] ?? IS_WRONG;
    if ((upper & HAS_SYMBOL) !== 0) out[length++] = upper >> SYMBOL_SHIFT;
    const lower = STEPS[((upper & STATE) << 4) | (byte & 15)] ?? IS_WRONG;
    if ((lower & HAS_SYMBOL) !== 0) out[length++] = lower >> SYMBOL_SHIFT;
    if (((upper | lower) & IS_WRONG) !== 0) return -1;
    state = lower & STATE;
  }
  return MAY_END[state] === 1 ? length : -1;
}
