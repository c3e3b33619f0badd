/** An address as its 32-bit words: one for IPv4, four for IPv6. */
type Words = readonly number[];

/** An address range of one family. */
export interface Cidr {
  readonly words: Words;
  readonly prefixBits: number;
}

const MAX_LENGTH = 64;
const MAPPED_BITS = 96;

/**
 * An IPv4 or IPv6 address; undefined if it is neither. An IPv4-mapped IPv6 address (`::ffff:10.0.0.1`) is the
 * IPv4 address, since that is how dual-stack sockets write one.
 */
export function parseAddress(text: string): Words | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  const words = text.includes(':') ? parseV6(text) : parseV4(text);
  return words !== undefined && isMapped(words) ? words.slice(3) : words;
}

/** `10.0.0.0/8`, `2001:db8::/32` or a single address; bits beyond the prefix do not matter. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/');
  if (slash < 0) {
    const words = parseAddress(text);
    return words && { words, prefixBits: words.length * 32 };
  }
  const suffix = text.slice(slash + 1);
  if (!/^(?:0|[1-9]\d{0,2})$/.test(suffix)) return undefined;
  const prefixBits = Number(suffix);
  const address = text.slice(0, slash);
  const words =
    address.length > MAX_LENGTH ? undefined : address.includes(':') ? parseV6(address) : parseV4(address);
  if (words === undefined || prefixBits > words.length * 32) return undefined;
  // A range inside ::ffff:0:0/96 holds IPv4 addresses; a wider one is about IPv6 alone.
  if (prefixBits >= MAPPED_BITS && isMapped(words)) {
    return { words: words.slice(3), prefixBits: prefixBits - MAPPED_BITS };
  }
  return { words, prefixBits };
}

/** Whether the address lies in the range. The families never meet. */
export function isInCidr(address: Words, range: Cidr): boolean {
  if (address.length !== range.words.length) return false;
  let bits = range.prefixBits;
  for (let index = 0; bits > 0; index++, bits -= 32) {
    const difference = (address[index] ?? 0) ^ (range.words[index] ?? 0);
    if (bits >= 32 ? difference !== 0 : difference >>> (32 - bits) !== 0) return false;
  }
  return true;
}

function isMapped(words: Words): boolean {
  return words.length === 4 && words[0] === 0 && words[1] === 0 && words[2] === 0xffff;
}

function parseV4(text: string): Words | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  let word = 0;
  for (const part of match.slice(1)) {
    // A leading zero is octal to some and decimal to others.
    if (Number(part) > 255 || (part.length > 1 && part.startsWith('0'))) return undefined;
    word = word * 256 + Number(part);
  }
  return [word];
}

function parseV6(text: string): Words | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = groups(halves[0] ?? '', halves.length === 1);
  const tail = halves.length === 2 ? groups(halves[1] ?? '', true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const all = [...head, ...new Array<number>(missing).fill(0), ...tail];
  return [0, 2, 4, 6].map((index) => (all[index] ?? 0) * 0x10000 + (all[index + 1] ?? 0));
}

/** The 16-bit groups of a part of an IPv6 address; only the last part may end with an IPv4 address. */
function groups(text: string, isLast: boolean): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const values: number[] = [];
  for (const [index, part] of parts.entries()) {
    if (isLast && index === parts.length - 1 && part.includes('.')) {
      const word = parseV4(part)?.[0];
      if (word === undefined) return undefined;
      values.push(word >>> 16, word & 0xffff);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      values.push(Number.parseInt(part, 16));
    } else {
      return undefined;
    }
  }
  return values;
}
