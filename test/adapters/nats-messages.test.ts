import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeNotice, encodeNotice } from '../../src/adapters/nats/change-message.ts';
import { natsServers } from '../../src/adapters/nats/nats-servers.ts';
import { LARGEST_BODY_BYTES, messageKeyOf, seal, unseal } from '../../src/adapters/nats/sealed-message.ts';
import { subjectsOf } from '../../src/adapters/nats/subjects.ts';
import { FlagError } from '../../src/core/errors.ts';
import { CONFUSABLE, changeAfter, flagObject } from '../contract/samples.ts';

const KEY = messageKeyOf('a secret');
const BODY = Buffer.from('body');

function kindOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return error instanceof FlagError ? error.kind : String(error);
  }
}

describe('a sealed message', () => {
  it('opens with its key, for its subject', () => {
    expect(unseal(KEY, 'a.b', seal(KEY, 'a.b', BODY))).toEqual(BODY);
    expect(unseal(KEY, 'a.b', seal(KEY, 'a.b', Buffer.alloc(0)))).toHaveLength(0);
  });

  it('is refused with another key, for another subject, and with any bit flipped', () => {
    const message = seal(KEY, 'a.b', BODY);
    expect(unseal(messageKeyOf('another'), 'a.b', message)).toBe('forged');
    expect(unseal(KEY, 'a.c', message)).toBe('forged');
    for (let bit = 0; bit < message.length * 8; bit++) {
      const flipped = Uint8Array.from(message);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(unseal(KEY, 'a.b', flipped)).toBe(bit < 8 ? 'of an unknown format' : 'forged');
    }
  });

  it('is refused when it is cut short, too long, or no message at all', () => {
    const message = seal(KEY, 'a.b', BODY);
    for (let length = 1; length < message.length; length++)
      expect(unseal(KEY, 'a.b', message.subarray(0, length))).toBe('forged');
    expect(unseal(KEY, 'a.b', new Uint8Array())).toBe('of an unknown format');
    expect(unseal(KEY, 'a.b', seal(KEY, 'a.b', new Uint8Array(LARGEST_BODY_BYTES)))).toHaveLength(1 << 20);
    expect(unseal(KEY, 'a.b', seal(KEY, 'a.b', new Uint8Array(LARGEST_BODY_BYTES + 1)))).toBe('too large');
  });

  it('is refused, and nothing is thrown, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => typeof unseal(KEY, 'a', bytes) === 'string'),
    );
  });
});

describe('the message of a notice', () => {
  const change = changeAfter('shop', undefined);
  const notice = { project: 'shop', revision: change.revision, hash: change.hash, change };
  const lines = (...values: readonly unknown[]) =>
    Buffer.from(values.map((value) => JSON.stringify(value)).join('\n'));

  it('carries the change, unless that is large', () => {
    expect(decodeNotice(encodeNotice(notice))).toEqual(notice);
    const large = changeAfter('shop', undefined, {
      operations: [{ op: 'put', object: flagObject('a', 'x'.repeat(70_000)) }],
    });
    const { project, revision, hash } = large;
    const bytes = encodeNotice({ project, revision, hash, change: large });
    expect(bytes.length).toBeLessThan(300);
    expect(decodeNotice(bytes)).toEqual({ project, revision, hash });
  });

  it('is a notice without its change if that is another one, or of a shape that is not known', () => {
    const { project, revision, hash } = notice;
    const head = { project, revision, hash };
    const { operations, ...partial } = change;
    for (const wrong of [
      { ...change, project: 'other' },
      { ...change, revision: 2 },
      { ...change, hash: 'other' },
      { ...change, format: 2 },
      { ...change, operations: 'many' },
      { ...change, time: 3 },
      ...[partial, 'text', null, [], 7],
    ])
      expect(decodeNotice(lines(head, wrong))).toEqual(head);
    expect(decodeNotice(lines(head, change))).toEqual({ ...head, change });
    for (const wrong of ['{', '', '\n'])
      expect(decodeNotice(Buffer.concat([lines(head), Buffer.from(`\n${wrong}`)]))).toEqual(head);
  });

  it('is none without a project, revision and hash', () => {
    for (const wrong of [
      { ...notice, project: 1 },
      { ...notice, revision: '1' },
      { ...notice, revision: 1.5 },
      { ...notice, revision: -1 },
      { ...notice, revision: 2 ** 60 },
      { project: 'shop', revision: 1 },
      ...[null, 'text', [], 7, true],
    ])
      expect(decodeNotice(lines(wrong, change))).toBeUndefined();
    expect(decodeNotice(Buffer.from('{'))).toBeUndefined();
    expect(decodeNotice(Buffer.of(0x22, 0xff, 0x22))).toBeUndefined();
  });

  it('is none, and nothing is thrown, whatever the bytes are', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => decodeNotice(bytes) === undefined));
    fc.assert(
      fc.property(fc.json(), (text) => {
        decodeNotice(Buffer.from(text));
      }),
    );
  });
});

describe('the subjects of a fleet', () => {
  const { changesOf, anyChange } = subjectsOf('vexil.eu-1');

  it('name a project in one harmless token, each another', () => {
    expect(changesOf('shop')).toBe('vexil.eu-1.changes.shop');
    const evil = ['>', 'a b', 'a\r\nPUB x 0', 'a.b', '', '.', 'x'.repeat(10_000)];
    const subjects = [...new Set([...CONFUSABLE, ...evil])].map(changesOf);
    for (const subject of subjects) expect(subject).toMatch(/^vexil\.eu-1\.changes\.[a-z0-9_=-]{1,65}$/);
    expect(new Set(subjects).size).toBe(subjects.length);
    expect(anyChange).toBe('vexil.eu-1.changes.*');
  });

  it('are refused with a prefix that could be anything else than a prefix', () => {
    for (const prefix of ['', '.', 'a.', '.a', 'a..b', 'a b', '*', '>', 'a\r\n', 'é', 'a'.repeat(65)])
      expect(kindOf(() => subjectsOf(prefix))).toBe('invalid');
  });
});

describe('the addresses of servers', () => {
  it('give hosts, ports and credentials', () => {
    expect(natsServers(['nats://a', ' nats://b:5000 ', 'nats://[::1]:6000'])).toEqual({
      addresses: ['a:4222', 'b:5000', '[::1]:6000'],
      tls: false,
    });
    expect(natsServers(['tls://a', 'nats://user:p%40ss%3A1@b', 'nats://other:x@c'])).toEqual({
      addresses: ['a:4222', 'b:4222', 'c:4222'],
      tls: true,
      user: 'user',
      password: 'p@ss:1',
    });
    expect(natsServers(['nats://to%2Fken@a:1'])).toEqual({ addresses: ['a:1'], tls: false, token: 'to/ken' });
  });

  it('are refused, without being repeated, if they are none', () => {
    for (const urls of [[], ['a:4222'], ['http://a'], ['nats://'], ['nats://a/path'], ['nats://a?b'], ['?']])
      expect(kindOf(() => natsServers(urls))).toBe('invalid');
    expect(() => natsServers(['http://user:secret@a'])).toThrow(/^(?!.*secret)/);
  });
});
