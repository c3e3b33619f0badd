import { createRandom } from '../attacks/random.ts';
import { readBoth } from '../rpc/wire/both-readers.ts';
import { REQUEST_KINDS, randomRequest } from './random-request.ts';

// Millions of messages, for when somebody has time: VEXIL_FUZZ_MESSAGES=5000000 node test/fuzz/messages.ts [seed]

const count = Number(process.env.VEXIL_FUZZ_MESSAGES ?? 100_000);
const seed = Number(process.argv[2] ?? Date.now());
const random = createRandom(seed);
const startedAt = performance.now();
let read = 0;
for (let index = 0; index < count; index++) {
  const kind = random.pick(REQUEST_KINDS);
  const verdict = readBoth(kind, randomRequest(random, kind));
  if (verdict.isRead) read++;
}
console.log(
  `seed ${seed}: ${count} messages, ${read} of them readable, ${Math.round((performance.now() - startedAt) / 1000)} s`,
);
