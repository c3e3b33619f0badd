import { setTimeout as delay } from 'node:timers/promises';
import { threadId, workerData } from 'node:worker_threads';
import { answerQuestions } from '../../src/adapters/sqlite/thread-messages.ts';
import { FlagError } from '../../src/core/errors.ts';

/** A thread for tests, which says back what it is told, in the ways in which things go. */
const target = {
  say: async (...values: unknown[]) => [workerData.color, ...values],
  number: async () => threadId,
  count: async (to: number) => Array.from({ length: to }, (_, index) => index),
  slowly: async (value: unknown) => delay(50, value),
  async refuse() {
    throw new FlagError('invalid', 'no', { reason: 'NO', cause: () => 'cannot be handed over' });
  },
  async break() {
    throw new TypeError('broken');
  },
  async die() {
    process.exit(3);
  },
  wait: async (ms: number) => delay(ms, 'waited'),
  async hang() {
    for (;;);
  },
  async [Symbol.asyncDispose]() {},
};

answerQuestions(async () => {
  if (workerData.isBroken) throw new FlagError('failed_precondition', 'cannot be opened');
  return target;
});
