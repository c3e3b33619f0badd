import { createRandom } from '../attacks/random.ts';
import { compareAnswers } from '../rpc/hot/compare-answers.ts';
import { readBoth } from '../rpc/wire/both-readers.ts';
import { REQUEST_KINDS, randomRequest } from './random-request.ts';

// What the tests of `test/rpc/wire/` and `test/rpc/hot/` do with thousands of messages, with millions:
//   VEXIL_FUZZ_MESSAGES=5000000 node test/fuzz/messages.ts [seed]
// One of a hundred is answered as well. Ends with the first message that the two ways do not agree about.

const CALLS_OF_A_PROJECT = 2_000;

const messages = Number(process.env.VEXIL_FUZZ_MESSAGES ?? 100_000);
const seed = Number(process.argv[2] ?? Date.now());
const random = createRandom(seed);
console.log(`seed ${seed}`);

let readable = 0;
for (let index = 0; index < messages; index++) {
  const kind = random.pick(REQUEST_KINDS);
  if (readBoth(kind, randomRequest(random, kind)).isRead) readable++;
}
console.log(`${messages} messages were read alike, ${readable} of them to the end`);

const endings = new Map<string, number>();
for (let left = Math.ceil(messages / 100); left > 0; left -= CALLS_OF_A_PROJECT)
  for (const [ending, count] of await compareAnswers(random, Math.min(left, CALLS_OF_A_PROJECT)))
    endings.set(ending, (endings.get(ending) ?? 0) + count);
console.log('calls were answered alike:', Object.fromEntries([...endings].sort()));
