import type { Caller } from './calls.ts';
import { answerIn } from './connect-json.ts';
import { methodNamed } from './stock-protos.ts';

/** Unary calls in Connect's JSON: what a browser can do without any library. */
export function fetchCaller(url: string): Caller {
  return async (method, request, token) => {
    const response = await fetch(url + methodNamed(method).path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify(request),
    });
    return answerIn(!response.ok, await response.text());
  };
}
