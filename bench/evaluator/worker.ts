import { answer, ownTask } from '../lib/isolate.ts';
import { measure } from '../lib/measure.ts';
import type { Contender, SetUp } from './contender.ts';
import type { Job, JobResult } from './job.ts';
import { scenarioOf } from './scenario.ts';

// A process of its own: sets one library up for one scenario and measures it, or says what it answers.
const job = ownTask<Job>();
const scenario = scenarioOf(job.scenario);
const file = job.contender === 'vexil' ? './vexil.ts' : `./peers/${job.contender}.ts`;
const { setUp }: { setUp: SetUp } = await import(file);
const contender = await setUp(scenario);
answer(contender === undefined ? {} : await resultOf(contender));

async function resultOf({ work, answers }: Contender): Promise<JobResult> {
  if (job.kind === 'time') return { ns: await measure(work, scenario.users.length, job.timing) };
  const found: boolean[][] = [];
  for (let user = 0; user < job.users; user++) found.push(await answers(user));
  return { answers: found };
}
