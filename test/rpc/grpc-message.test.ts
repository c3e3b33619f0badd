import { describe, expect, it } from 'vitest';
import { withReadableMessage } from '../../src/rpc/grpc-message.ts';

describe('withReadableMessage', () => {
  it.each([
    ['name: must be like projects/{project}', 'name: must be like projects/{project}'],
    ['100% of "é"\n', '100%25 of "%C3%A9"%0A'],
    ['', ''],
  ])('escapes nothing of %j but what a header cannot hold', (message, sent) => {
    const trailer = new Headers({ 'grpc-message': encodeURIComponent(message), 'grpc-status': '3' });
    const answer = withReadableMessage({ status: 200, trailer });
    expect(answer.trailer?.get('grpc-message')).toBe(sent);
    expect(answer.trailer?.get('grpc-message')).toBe(sent);
    expect(decodeURIComponent(sent)).toBe(message);
  });

  it('sees a trailer that is set after the body was written', () => {
    const trailer = new Headers();
    const answer = withReadableMessage({ status: 200, trailer });
    expect([...(answer.trailer ?? [])]).toEqual([]);
    trailer.set('grpc-message', 'a%3A%20b');
    expect(answer.trailer?.get('grpc-message')).toBe('a: b');
  });

  it('leaves answers without trailers alone', () => {
    expect(withReadableMessage({ status: 204 })).toEqual({ status: 204 });
  });
});
