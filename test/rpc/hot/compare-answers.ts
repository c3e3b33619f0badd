import { isDeepStrictEqual } from 'node:util';
import type { Random } from '../../attacks/random.ts';
import { REQUEST_KINDS } from '../../fuzz/random-request.ts';
import { evaluationParts, hotPath, type Said, servicePath } from './both-paths.ts';
import { takingNotes } from './note-taking.ts';
import { randomCall } from './random-call.ts';
import { changeShop, openRandomShop } from './random-shop.ts';

const ETAG = /"[\w-]{27}"/;

/**
 * Makes so many random calls of a random project, which changes now and then while time passes, on both paths. Throws if
 * any answer is not the same to the byte, or if other evaluations were recorded. Resolves to how often each method ended
 * in each way.
 */
export async function compareAnswers(random: Random, calls: number): Promise<ReadonlyMap<string, number>> {
  await using shop = await openRandomShop(random);
  await using fast = takingNotes(evaluationParts(shop));
  await using slow = takingNotes(evaluationParts(shop));
  const [hot, service] = [hotPath(fast.parts), servicePath(slow.parts)];
  const endings = new Map<string, number>();
  let etag = '';
  for (let call = 0; call < calls; call++) {
    const { kind, codec, message, principal } = randomCall(random, random.pick(REQUEST_KINDS), etag);
    const messages = [message];
    while (kind === 'evaluateStream' && random.oneIn(2))
      messages.push(randomCall(random, kind, etag, codec).message);
    const expected = await service(kind, codec, messages, principal);
    const actual = await hot(kind, codec, messages, principal);
    if (!isSame(expected, actual))
      throw new Error(
        [`${kind} in ${codec} by ${principal.kind}`, ...messages.map((each) => each.toString('hex'))]
          .concat(`expected ${told(expected)}`, `received ${told(actual)}`)
          .join('\n'),
      );
    etag = ETAG.exec(kind === 'handshake' ? expected.bytes.toString('latin1') : '')?.[0] ?? etag;
    const ending = `${kind} ${expected.error === undefined ? 'ok' : JSON.parse(expected.error).code}`;
    endings.set(ending, (endings.get(ending) ?? 0) + 1);
    if (random.oneIn(30)) shop.clock.advance(random.whole(60_000));
    if (random.oneIn(500)) await changeShop(random, shop);
  }
  const [expected, actual] = [await slow.notes(), await fast.notes()];
  if (expected.evaluations.length === 0 || !isDeepStrictEqual(actual, expected))
    throw new Error(`the fast path recorded ${actual.evaluations.length} of ${expected.evaluations.length}`);
  return endings;
}

function isSame(one: Said, other: Said): boolean {
  return one.bytes.equals(other.bytes) && one.error === other.error;
}

function told({ bytes, error }: Said): string {
  return `${bytes.toString('hex')} ${error ?? 'ok'}`;
}
