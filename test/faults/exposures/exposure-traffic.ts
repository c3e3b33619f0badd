import { newFlag, newKey, newProject } from '../../e2e/tour/tour.ts';
import { callsOf } from '../../support/calls.ts';
import { fetchCaller } from '../../support/fetch-caller.ts';
import { isMessage } from '../../support/stock-protos.ts';
import type { ExposureWorld } from './exposure-world.ts';
import { openFastCaller } from './fast-caller.ts';

/** What callers were told, over all that happened. */
export interface TrafficSeen {
  /** Evaluations that were answered. */
  answered: number;
  /** Subjects of reports that were taken. */
  readonly acknowledged: string[];
  failed: number;
}

export interface Traffic {
  readonly seen: TrafficSeen;
  /** Keeps calling, so many at once, until the returned handle is disposed. */
  call(atOnce: number, what: 'one' | 'all'): AsyncDisposable;
  /** The same for all flags of another environment, as fast as it goes; half of it are a few who ask again and again. */
  flood(atOnce: number): AsyncDisposable;
}

export const PROJECT = 'exposures';
export const FLAGS = 40;
/** So many ask for the same again, in a flood. */
const CROWD_SIZE = 20;

/** A project with flags, and callers with a key to it. Nobody asks for the same subject twice. */
export async function openTraffic({ recorder, adminToken }: ExposureWorld): Promise<Traffic> {
  const calls = callsOf(fetchCaller(recorder.server.url), adminToken);
  const project = await newProject(calls, PROJECT);
  const environment = `${project}/environments/production`;
  const token = await newKey(calls, project, { kind: 'KEY_KIND_SERVER', environment });
  const elsewhere = { kind: 'KEY_KIND_SERVER', environment: `${project}/environments/staging` };
  const otherToken = await newKey(calls, project, elsewhere);
  for (let flag = 0; flag < FLAGS; flag++) await newFlag(calls, project, `flag-${flag}`);
  const seen: TrafficSeen = { answered: 0, acknowledged: [], failed: 0 };
  let subjects = 0;
  const subject = () => `subject-${++subjects}`;
  const call = (method: string, request: object) =>
    fetchCaller(recorder.server.url)(method, { ...request }, token).catch(() => undefined);

  async function one(): Promise<void> {
    const context = { targetingKey: subject() };
    const answer = await call('EvaluationService/Evaluate', { flagKey: 'flag-0', context });
    if (answer?.response === undefined) seen.failed++;
    else seen.answered++;
  }

  async function all(): Promise<void> {
    const answer = await call('EvaluationService/EvaluateAll', { context: { targetingKey: subject() } });
    if (answer?.response === undefined) seen.failed++;
    else seen.answered += FLAGS;
  }

  async function report(): Promise<void> {
    const told = Array.from({ length: 3 }, subject);
    const exposures = told.map((targetingKey) => ({
      ...{ flagKey: 'flag-0', variation: 'off', context: { targetingKey } },
    }));
    const answer = await call('TelemetryService/ReportExposures', { exposures });
    const { response } = answer ?? {};
    if (isMessage(response) && Number(response.acceptedCount) === told.length)
      seen.acknowledged.push(...told);
  }

  return {
    seen,
    call: (atOnce, what) =>
      calling(atOnce, async (round) => {
        await (what === 'all' ? all() : round % 5 === 4 ? report() : one());
        // A process that is down refuses at once.
        await new Promise((resume) => setTimeout(resume, what === 'all' ? 1 : 4));
      }),
    flood(atOnce) {
      const fast = openFastCaller(recorder.server.url, otherToken, atOnce);
      const calls = calling(atOnce, async (round) => {
        const isAnswered = await fast.all(round % 2 === 0 ? subject() : `crowd-${round % CROWD_SIZE}`);
        if (isAnswered) seen.answered += FLAGS;
        else seen.failed++;
      });
      return {
        async [Symbol.asyncDispose]() {
          await calls[Symbol.asyncDispose]();
          fast[Symbol.dispose]();
        },
      };
    },
  };
}

/** Does it again and again, so many at once. */
function calling(atOnce: number, call: (round: number) => Promise<void>): AsyncDisposable {
  let isOver = false;
  const caller = async () => {
    for (let round = 0; !isOver; round++) await call(round);
  };
  const running = Array.from({ length: atOnce }, caller);
  return {
    async [Symbol.asyncDispose]() {
      isOver = true;
      await Promise.all(running);
    },
  };
}
